"""Guidance: cutouts, perceptors, prompts and losses, which pull a picture towards its prompt.

Begin with `objectives`.

    objectives        The objectives of a run: from prompts and weights to a list of losses
    perceptor         The perceptor: an open_clip model that embeds cutouts and prompts
    cutouts           Cutouts: random crops of the picture, augmented and resized
    cutout_recipes    Cutout recipes: the named ways to crop and augment
    prompt_embedding  Prompt embeddings: from a prompt to its direction in a perceptor's space
    prompt_losses     Losses that say how far a picture is from a prompt
    distractors       Distractors: ordinary things that a prompt has to win against
    regions           Regions: masks for prompts that see only a part of the picture
    scenes            Scenes: which prompt holds at a step, and the transitions between prompts
    drafts            Drafts: quick pictures of a prompt by the prior, ranked by CLIP
    zero_shot         Zero-shot classification and scoring of finished pictures
    image_search      Image search: an index of embeddings of a folder, and its nearest rows

In `losses`: all others, on pictures, cutouts, embeddings and latents. In `composition`: the start
picture of a layout.
"""
