"""Sketches of layouts: boxes with names, in the terminal or as a picture.

Begin with `layout_sketch`.

    layout_sketch   What `plan` and `explain` show of layouts, and their option `--sketch`
    text_sketch     A layout as boxes of characters
    picture_sketch  Layouts as boxes on a PNG
"""
