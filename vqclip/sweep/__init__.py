"""Sweeps: many runs over some settings, in one folder, and contact sheets of runs.

Begin with `sweep_file`.

    sweep_file       Sweep files: what `vqclip sweep FILE.yaml` reads
    axes             The axes of a sweep: settings, each with the values that it takes
    sampling         Sampling: grid, zip, random and Latin hypercube
    planned_runs     The runs of a sweep: the settings of each, checked before the first is drawn
    sweep_folder     The folder of a sweep: what is drawn of it already, and where
    folder_matching  Folder matching: which run of a sweep a run folder holds, by its notes
    drawing          Drawing of what is missing, one run after another
    table            The table of a sweep, as JSON and CSV
    sweep_sheet      The contact sheet of a sweep
    noted_sheet      Contact sheets of any runs, whose axes are found in their notes
    sheet_picture    Labelled contact sheets: pictures in rows and columns
    lettering        Lettering of sheets: the font, and lines that fit

In `engines`: sweeps on clusters, by Slurm and Ray. In `stretches`: animations whose frames are
drawn side by side. In `tuning`: searches, by Optuna. In `family`: offspring of pictures.
"""
