"""Models: where they are found, how their files are read, and the VQGAN itself.

In order: `layout` (what a config says), `catalogue` and `download` (what is known, how it comes),
`zoo` (names to files), `unpickle` (files to tensors), `vqgan` (tensors to pictures). Nothing is
imported here: listing the models does not load torch.
"""
