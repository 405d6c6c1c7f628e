"""Stretches of an animation, drawn side by side as runs of their own.

Begin with `stretch_folder`.

    stretch_folder  The folder of an animation's stretches: what is drawn of them already
    joining         Joining of stretches: their frames and their log, as if drawn at one go
"""
