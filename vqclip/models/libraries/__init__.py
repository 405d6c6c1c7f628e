"""Libraries of networks, and how they are imported.

Begin with `deferred_imports`.

    deferred_imports  Heavy modules that others import, and that most runs never use
"""
