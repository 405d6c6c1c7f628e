"""The model zoo: downloads of model weights, and opening them safely.

Begin with `model_files`.

    model_files      The model registry: from a name to files on this machine, or how to get them
    import_hint      Paths where a model's name is expected, and the command that takes it in
    catalogue        The catalogue of published models
    download         Downloads of models, resumable, and the import of one's own files
    head_files       Aesthetic heads by name or path, and the perceptors that they fit
    verify           Verification of model files by checksum, and their removal
    checkpoint_file  Checkpoint files: reading tensors without running anything that is in the
                     file
    safe_pickle      The safe unpickler: an allow-list of what a checkpoint may contain
    word_embedding   Word embeddings: files of textual inversion
"""
