"""Layouts: a sentence with several things is read, and each thing gets a place in the picture.

Begin with `layout`. No module here loads torch.

    layout          The layout of a sentence: what it names, and where each thing goes
    layout_json     Layouts in JSON: as plain values for notes and events, and read back
    layout_prompts  Layouts as prompts: which are planned, and things with their regions
    layout_types    What a sentence says, and where each of its things goes, as dataclasses
"""
