"""The record of a run: pictures, notes and checkpoints in its folder.

Begin with `writer`.

    writer          The writer of a run's folder: pictures, previews, log and checkpoints
    run_folder      Run folders: numbered, and locked while a run draws into them
    provenance      Provenance: the notes inside a PNG about what made it
    noted_changes   Changes in mid-run: which there may be, and those in a picture's notes
    steering        Steering: requests to a run that is being drawn, as files in its folder
    noted_layouts   The layouts in a picture's notes, for runs that make it again or go on
    grammar_v1      The prompt grammars of older pictures
    older_settings  Settings of older notes, as they are meant today
    checkpoint      Checkpoints of runs: tensors and notes in one file, nothing executable
    interrupts      Interrupts: Ctrl-C and other signals, which end a run after its step
"""
