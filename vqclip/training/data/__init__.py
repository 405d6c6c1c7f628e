"""Training pictures: archives, composition and batches.

Begin with `archives`.

    archives     Archives of gathered pictures: reading them
    compose      Composition of training pictures from cut-outs, and their restyling
    user_folder  The user's own pictures, from a folder
    batches      Batches and views for each trainer
    gather       Gathering of training archives from public packages
    rasterise    Rasterising of drawings into square pictures
    sources      Public packages that training pictures come from
    readers      Readers of emoji sets, clip art, furniture and photographs
"""
