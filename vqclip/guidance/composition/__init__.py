"""Composition: the start picture of a layout, put together of a ground and silhouettes.

Begin with `composer`.

    composer       The composition: a layout's things, each in its place, on a painted ground
    sprites        Sprites: the drafts of a layout's things, cut out and ranked
    captions       Captions: the names under which the starter's prior draws things best
    tints          Tints: things recoloured, with their details
    silhouettes    Silhouettes: a thing cut out of the plain ground of its draft
    placing        Placing: where a silhouette lies in its box, and what it stands on
    scenery        Scenery: what of a layout is painted as the ground, and what stands on it
    grounds        Grounds: simple painted pictures of a place, a time and a weather
    landscape      Landscape: the sky, land, water and trees of grounds, in a light
    painting       Painting: gradients, ridges, discs and strokes with soft edges
    thing_prompts  Prompts of a layout: how much the whole sentence counts, and each thing
"""
