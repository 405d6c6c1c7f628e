"""The commands about runs as wholes: made of another tool's settings, many at once, compared.

Begin with `import_settings`.

    import_settings  The command import: settings of other tools as run files
"""
