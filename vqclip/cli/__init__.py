"""The command line: words in, one call, words out.

Begin with `main`.

    main               Parsing, dispatch, and errors as sentences with exit codes
    parser             The argument parser: the words and options of each command
    options            Options of commands as values: what the parser read, with types
    epilogs            Help texts: the first page, and what stands below each command's options
    help_pages         Help pages: usage, blocks of terms with what they mean
    settings_help      `vqclip help settings`: every setting, by group, key or words of its help
    arguments          Arguments of commands that draw: `"a fox" key=value` into settings
    image_arguments    Arguments of commands about pictures
    console            The console: lines on stderr, JSON lines on stdout
    terminal           Terminals: colours, widths, and text laid out by rich
    bars               Progress bars on stderr
    completion_shells  Shell completion: what bash, zsh and fish need beside shtab's part
"""
