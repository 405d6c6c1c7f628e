"""Settings that are numbers of steps or frames.

Begin with `step_settings`.

    step_settings    Settings that are numbers of steps: `25`, `25i`, `10%` or `2s`
    film_seconds     Lengths in seconds of film: `steps=10s`, `frames=5s`, and stretches:
                     `--frames 2s:4s`
    source_film      Numbers of frames of a film that is drawn over: `frames=50%`,
                     `source.stride=2s`
    frame_stretches  Stretches of frames: how an animation is cut up to be drawn side by side
"""
