"""Layouts: a sentence with several things is read, and each thing gets a place in the picture.

Begin with `layout`. No module here loads torch.

    layout           The layout of a sentence: what it names, and where each thing goes
    layout_types     What a sentence says, and where each of its things goes, as dataclasses
    layout_prompts   Layouts as prompts: which are planned, and things with their regions
    layout_json      Layouts in JSON: as plain values for notes and events, and read back
    placement        Where the things of a sentence go: boxes from sizes, relations and counts
    relation_forest  What is placed by what: the relations of a sentence as trees
    arrangements     How a thing and what is placed by it lie to each other, for each relation
    figures          What belongs to a figure: its parts, its clothes, and what it holds
    blocks           Blocks: things and groups of things that are fitted into a frame
    sizes            How large things are, where they belong, and where their parts sit
    reader/          What a sentence says: its things, relations, ground and style
"""
