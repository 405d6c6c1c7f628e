"""The command line: words in, one call, words out.

Begin with `main`.

    main               Parsing, dispatch, and errors as sentences with exit codes
    parser             The argument parser: the words and options of each command
    options            Options of commands as values: what the parser read, with types
    option_hints       Suggestions for options that a command does not have
    command_help       Help of commands: what `vqclip --help` and `vqclip COMMAND --help` print
    settings_search    `vqclip help settings`: every setting, by group, key or words of its help
    prompt_arguments   Arguments of commands that draw: `"a fox" key=value` into settings
    unquoted_words     Words that a shell took apart, and how they are to be written
    image_arguments    Arguments of commands about pictures
    output             Output of commands: lines on stderr, JSON lines (`--json`) on stdout
    progress_bar       Progress bars on stderr
    terminal           Terminals: colours, widths, and text laid out by rich
    completion_shells  Shell completion: what bash, zsh and fish need beside shtab's part
"""
