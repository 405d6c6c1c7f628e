"""Layouts: a sentence with several things is read, and each thing gets a place in the picture.

Begin with `layout`. No module here loads torch.

    layout           The layout of a sentence: what it names, and where each thing goes
    layout_types     Sentences as they are read, and layouts, as dataclasses
    layout_prompts   Layouts as prompts: which are planned, and things with their regions
    layout_json      Layouts in JSON: as plain values for notes and events, and read back
    placement        Placement: boxes of things, from sizes, relations and counts
    relation_forest  The relations of a sentence as trees of what is placed by what
    arrangements     Arrangements: the boxes of a thing and of what is placed by it
    figures          Figures: the boxes of their parts, their clothes, and what they hold
    blocks           Blocks: things and groups of things that are fitted into a frame
    sizes            Sizes of things, the places where they belong, and those of their parts
    reader/          The reader of sentences: their things, relations, ground and style
"""
