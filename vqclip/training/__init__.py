"""Training: the recipes of the starter models, and of models of one's own.

Begin with `recipes`.

    recipes            Training recipes: by name, with their settings, and the trainer of each
    settings           Settings of trainings: a schema for each recipe
    loop               The training loop, in pieces that continue from the last
    checkpoints        Checkpoints of trainings, and warm starts
    vqgan_trainer      VQGAN training, with an EMA codebook
    perceptual         The perceptual loss on an EfficientNet-Lite
    clip_trainer       CLIP training, with contrastive losses
    clip_model         The small CLIP model
    adversarial        Adversarial pictures for CLIP training, made by the method itself
    distillation       Distillation targets: an ImageNet teacher and a sentence encoder
    prior_trainer      Prior training
    encoded_pictures   Encoded pictures: the codes that a prior learns, in several variants
    textual_inversion  Textual inversion: learning a word from pictures
"""
