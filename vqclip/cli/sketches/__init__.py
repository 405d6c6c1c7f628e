"""Sketches of layouts: boxes with names, in the terminal or as a picture.

Begin with `layout_sketch`.

    layout_sketch   Sketches of layouts in `plan` and `explain`, and `--sketch`
    text_sketch     A layout as boxes of characters
    picture_sketch  Layouts as boxes on a PNG
"""
