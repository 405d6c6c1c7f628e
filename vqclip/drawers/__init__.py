"""Drawers: what a run optimises to make a picture, one drawer a module.

Begin with `registry`.

    latent    The latent drawer: a picture as the latent of a VQGAN
    registry  The registry of drawers, by name
"""
