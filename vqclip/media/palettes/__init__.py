"""The colours of files: of pictures, and of palettes made by other programs.

Begin with `palette_files`.

    palette_files  Files in palettes: found, checked, and replaced by their colours
    file_colours   The colours of a file: all of them, or a few that stand for them
    swatches       Palette files of other programs: Adobe's .act and GIMP's .gpl
    k_means        k-means: a few points that stand for many
"""
