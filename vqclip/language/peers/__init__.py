"""Keyframes and expressions of other tools, rewritten as they are written here.

Begin with `keyframes`.

    keyframes           Keyframe strings of Deforum and Disco: 0:(1.05), 50:(1.02)
    python_expressions  Expressions in Python's syntax, of pytti and of Deforum's numexpr
"""
