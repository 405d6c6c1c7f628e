"""Layers of networks: faster ones that compute the same, and what they see beyond borders.

Begin with `decoder_layers`.

    decoder_layers  Layers of taming-transformers that compute the same in less time and memory
    frozen_layers   Layers with frozen weights that keep less for the backward pass
    batch_norms     Batch norms of a frozen network, folded into its convolutions
    initialisation  Modules without random weights, which a checkpoint would replace anyway
    early_layers    Early layers of image encoders: what a network sees in small patches
    tiled_decoding  Tiled decoding: the gradient of a decoder, tile by tile
    padding         Padding: what a VQGAN sees beyond the border of a picture
"""
