"""Families: offspring of one or two pictures, their settings, their start pictures, their tree.

Begin with `family_folder`.

    family_folder  The folder of a family, which is that of a sweep with a family tree
    parents        Parents: the pictures that offspring are made of
    mutation       Mutation and crossing-over of settings and of prompts' weights
    start_picture  Start pictures of offspring: parents' pictures, blended and shaken
    start_latent   Start latents of offspring: parents' codes, blended and shaken
    smooth_noise   Smooth noise, by which both are shaken and blended
"""
