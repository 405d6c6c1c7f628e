"""Pictures, films and sound, in and out of files.

Begin with `images` and `film_assembly`.

    files           Files: atomic writes, checks that a place can be written, and names for
                    folders
    file_locks      Locks of files: whether somebody holds one
    paths           Paths: which pictures and films a name, a folder or a pattern stands for
    file_kinds      File kinds: what a file is by its first bytes, whatever it is called
    images          Picture files: reading, writing, and tensors to pictures and back
    colour_profile  Colour profiles: the colours of a picture, as its file describes them, in sRGB
    contact_sheet   Contact sheets: pictures side by side, with captions
    ffmpeg          The ffmpeg process: finding it, running it, and its errors as sentences
    film_decoder    Decoding of films and animated pictures: what is in them, and their frames at
                    a rate
    film_encoder    Encoding of films: pixel formats, codecs, and dissolves between frames
    film_assembly   The film writer, frame by frame
    live_film       Live films, which can be watched while the run goes on
    pyav            PyAV: films and sounds opened, and decoded frame by frame
"""
