"""Transforms that drawers draw with: from numbers without bounds to a picture, and back.

Begin with `colours`.

    colours  Colours as numbers without bounds, and channels that are decorrelated
"""
