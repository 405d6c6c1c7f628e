"""Sources of imports, read as data: nothing of them is run, and nothing fetched.

Begin with `files`.

    files          Files, and which kind each is: YAML, JSON, notebooks, scripts, command lines
    command_lines  Command lines: their words, and which option each belongs to
    python_calls   Calls in scripts and notebooks, of which the literal values are read
"""
