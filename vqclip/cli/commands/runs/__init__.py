"""The commands about runs, and the drawing of a run by a command.

Begin with `run_drawing`.

    run_drawing      The drawing of a run: its checks, its models, and what is said of it
    steered_run      The steps of a run, and the requests that are followed between them
    steer            The command steer: other settings for a run that is being drawn
    stretches        The drawing of an animation in stretches of frames, side by side
    sweep            The command sweep: many runs over some settings
    sweep_plan       The plan of a sweep: how many runs, and how long they take
    sweep_finder     The sweep that a word names: a file, or the folder of one
    sweep_worker     The drawing of a sweep's runs, here or as a worker on a cluster
    sweep_search     The drawing of a search, whose runs are chosen one by one
    vary             The command vary: offspring of pictures, to choose from
    sheet            The command sheet: contact sheets of runs and pictures
    web              The command web: a page to draw on, and a gallery of runs
    import_settings  The command import: settings of other tools as run files
"""
