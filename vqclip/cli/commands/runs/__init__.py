"""The commands about runs, and the drawing of a run by a command.

Begin with `run_drawing`.

    run_drawing  The drawing of a run: its checks, its models, and what is said of it
    steered_run  The steps of a run, and the requests that are followed between them
    steer        The command steer: other settings for a run that is being drawn
"""
