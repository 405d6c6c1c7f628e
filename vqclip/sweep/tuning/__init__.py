"""Searches among settings for what the second judge likes best: sweeps with `by: optuna`.

Begin with `search_folder`.

    search_folder  The folder of a search: the runs that it has, and the next one
    study          What Optuna chooses: the values of the next run, and whether one is pruned
    trials         The trials of a search, as its runs' folders tell them
"""
