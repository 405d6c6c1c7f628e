"""Networks: VQGAN, CLIP, prior and tokenizers.

Begin with `vqgan` and `clip`.

    vqgan            The VQGAN: loading it, encoding, quantising and decoding pictures
    vqgan_config     A VQGAN's config: its YAML file, checked
    memory           Memory policies: chunks after running out of memory, and tiled decoding
    clip             CLIP models: which ones open_clip knows, and where their weights and
                     tokenizers are
    clip_text_tower  The text tower of a CLIP: tokens to an embedding, with weights of words
    tokenizer        Tokenizers, with learnt words
    gpt              The GPT over codes, in the layout of taming-transformers
    prior            The prior: from a text embedding to the codes of a picture
    net2net          The class-conditional transformers of taming-transformers (Net2Net)
    model_cache      The model cache: models that stay loaded from one run to the next
    cost             The cost of a model's pass: bytes and operations, counted on meta tensors
    device           Devices, number formats, determinism and seeds
    grid_sampling    Grid sampling and halving of pictures, on every device
"""
