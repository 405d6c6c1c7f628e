"""The commands about runs as wholes: made of another tool's settings, many at once, compared.

Begin with `sweep`.

    sweep       The command sweep: many runs over some settings
    sweep_plan  The plan of a sweep: how many runs, and how long they take
    sheet       The command sheet: contact sheets of runs and pictures
"""
