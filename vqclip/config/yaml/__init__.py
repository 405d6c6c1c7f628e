"""YAML as people write it, and what to say where it cannot be read.

Begin with `values`.

    values  Values of YAML as they were written, by what the schema expects
    errors  Errors of YAML in words, with the line as it would be written
"""
