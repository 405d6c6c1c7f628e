"""Losses beside those of the prompts, on pictures, cutouts, embeddings and latents.

Begin with `registry`.

    registry           The registry of losses, by the names of their weights
    pixel_losses       Losses on the colours of pixels, and colours by name
    smoothness         Smoothness losses: less grain, by four measures of steps between pixels
    borders            Borders: edges, grounds and vignettes of one colour or of a picture
    likeness           Likeness losses: contours and latent near those of the start picture
    style              Style losses: texture and colours of a picture, by early layers
    depth              The depth loss: near and far as in another picture, by a depth model
    embedding_losses   Losses on embeddings: agreement, change, aesthetic ratings
    aesthetic_heads    Aesthetic heads: LAION's predictors, read from their files
    loss_files         The files of losses, read before any model is loaded
"""
