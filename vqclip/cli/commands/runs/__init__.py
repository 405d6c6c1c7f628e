"""The commands about runs as wholes: made of another tool's settings, many at once, compared.

Begin with `sweep`.

    sweep         The command sweep: many runs over some settings
    sweep_plan    The plan of a sweep: how many runs, and how long they take
    sweep_finder  The sweep that a word names: a file, or the folder of one
    sweep_worker  The drawing of a sweep's runs, here or as a worker on a cluster
    sheet         The command sheet: contact sheets of runs and pictures
"""
