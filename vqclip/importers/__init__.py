"""Settings of other tools, read and written anew as run files of vqclip.

Begin with `importing`.

    importing  From a file or a command line of another tool to a run file and a report; the peers
    options    The options of a tool: their names, how values are read, what becomes of them
    draft      The run file while it is written, and the report
    run_file   The run file as text, checked by vqclip's own loading

In `sources`: what is read, without being run. In `peers`: the tools, one module each or a few.
"""
