"""The commands about runs as wholes: made of another tool's settings, many at once, compared.

Begin with `web`.

    web  The command web
"""
