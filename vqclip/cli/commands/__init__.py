"""The subcommands, one module for each or for a few that belong together.

Begin with `generate`.

    generate    The commands that draw: generate, animate, again and resume
    show        The commands show, diff, plan and presets
    explain     The commands explain, direction and help
    dream       The command dream
    invert      The command invert, with its monitor
    train       The command train, with its monitor
    models      The command models: list, fetch, import, verify, remove
    plot        The command plot
    film        The command film
    classify    The commands classify and score
    score_film  The command score --film
    search      The command search
    completion  The command completion: scripts by which bash, zsh and fish complete commands

In `machine`: the command doctor. In `runs`: import, and commands about several runs.
"""
