"""What a run leaves behind: pictures, what made them, films, and the folder that holds them.

    provenance   what made a picture; written into it and read back. Without torch
    images       pictures in and out of files, whole or not at all
    video        films, written while the run goes on
    folder       a run's folder, and `keep(steps)`, which fills it as steps pass

Import the modules, not this package: `provenance` alone is enough for `vqclip show`, which is
then spared torch.
"""
