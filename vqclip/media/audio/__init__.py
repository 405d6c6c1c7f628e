"""Sound files: what is heard in them, for the schedules of a film.

Begin with `features`.

    features     Audio features for each frame of a film: loudness, bands and beats
    bands        Named frequency bands of a sound: `kick=40-100`
    beats        Onsets and beats of a piece of music, by librosa
    spectrogram  The spectrogram of a sound file, decoded by ffmpeg and summed up on the way
"""
