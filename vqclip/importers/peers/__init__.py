"""The tools whose settings are understood: tables of their options, and what depends on several.

Begin with `nerdyrodent`.

    nerdyrodent     VQGAN-CLIP of nerdyrodent: generate.py
    pixray_options  The table of pixray's options, and of clipit's, its forerunner
    pixray          pixray: what its options become together; quality, size, drawers
    pixray_losses   pixray's losses, filters and palettes, at the weights that they have here
    pytti           pytti: scenes, masks, expressions, its image models and cameras
    disco           Disco Diffusion and discoart, drawn with a VQGAN
    deforum         Deforum's animations, drawn with a VQGAN
    aphantasia      aphantasia: clip_fft.py
    shared          What several of them have: names of CLIPs, prompts with weights, units, seeds
"""
