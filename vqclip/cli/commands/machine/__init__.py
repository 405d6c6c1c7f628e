"""The command doctor: this machine, and whether it draws.

Begin with `doctor`.

    doctor     The command doctor: shows the facts, and tries one step
    inventory  The facts about this machine: Python, torch, GPUs, ffmpeg, extras, models, disk
"""
