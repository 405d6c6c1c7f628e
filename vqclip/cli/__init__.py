"""The command line: words in, one call, words out.

Begin with `main`.

    main             The command line: parsing, dispatch, and errors as sentences with exit
                     codes
    parser           The argument parser: the words, options and help of each command
    arguments        Arguments of commands that draw: `"a fox" key=value` into settings
    image_arguments  Arguments of commands about pictures
    console          The console: lines on stderr, JSON lines on stdout, and progress bars
"""
