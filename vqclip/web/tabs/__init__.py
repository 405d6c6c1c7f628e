"""The tabs of the page: forms over commands.

Begin with `draw_tab`.

    draw_tab        Draw: a prompt, how it is read, presets and drawers, and what is being drawn
    settings_panel  All other settings, made of the schema: found by words, changed, listed
    animate_tab     Animate: curves, scenes and the camera's path before anything is drawn
    gallery_tab     Gallery: the runs of the folder
    words_tab       Words: a word that is learnt from pictures
    look_tab        Look: pictures are classified, runs are searched
"""
