"""The tools whose settings are understood: tables of their options, and what depends on several.

Begin with `nerdyrodent`.

    nerdyrodent     VQGAN-CLIP of nerdyrodent: generate.py
    pixray_options  The table of pixray's options, and of clipit's, its forerunner
    pixray          pixray: what its options become together; quality, size, drawers
    pixray_drawers  pixray's drawers: grids, strokes and spectra, and learning rates
    pixray_prompts  pixray's prompts: texts, labels, spots, pictures, directions and noise
    pixray_losses   pixray's losses, filters and palettes, at the weights that they have here
    pytti           pytti: scenes, masks, its image models
    pytti_motion    pytti's animations: cameras, films, sound, and expressions over time
    disco_options   The table of Disco Diffusion's options, and of discoart's
    disco           Disco Diffusion and discoart, drawn with a VQGAN
    deforum         Deforum's animations, drawn with a VQGAN
    aphantasia      aphantasia: clip_fft.py
    shared          Conversions for several: names of CLIPs, prompts with weights, keyframes
"""
