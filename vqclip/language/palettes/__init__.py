"""Colours and palettes as people write them; the names are plain files in `names/`.

Begin with `palette_parser`.

    palette_parser  The grammar of palettes: lists of colours, ramps between them, and files
    plain_colours   Plain colours: the shades of things that are said to be red, blue, golden
    colour_names    Colours by name: CSS, the xkcd survey, matplotlib's, and numbers
"""
