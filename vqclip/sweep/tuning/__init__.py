"""Searches among settings for what the second judge likes best: sweeps with `by: optuna`.

Begin with `search_folder`.

    search_folder  The folder of a search: the runs that it has, and the next one
    study          Optuna's study: it chooses the next run's values, and which runs are pruned
    trials         The trials of a search, as its runs' folders tell them
"""
