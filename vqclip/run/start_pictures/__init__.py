"""Pictures that runs start from, but for those in files.

Begin with `refinement`.

    noise_images  Noise that a run may start from: clouds, gradients, snow and flat colours
    refinement    Refinement of a thing's draft by a few steps of the pyramid drawer
"""
