"""Frames of films, in and out.

Begin with `frame_source`.

    frame_source    Footage: a stream of frames from a film or from pictures, fitted to one size
    frame_writer    The frame writer: a thread that turns frames into files, in order
"""
