"""Composition: the start picture of a layout, put together of a ground and silhouettes.

Begin with `composer`.

    composer     The composition: a layout's things, each in its place, on a painted ground
    silhouettes  Silhouettes: a thing cut out of the plain ground of its draft
    placing      Placing: where a silhouette lies in its box, and what it stands on
    grounds      Grounds: simple painted pictures of a place, a time and a weather
    painting     Painting: gradients, ridges, discs and strokes with soft edges
"""
