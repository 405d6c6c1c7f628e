"""One run, from settings to a folder.

Begin with `preflight` and `runner`.

    preflight         Preflight checks, before torch is loaded, and the Request that comes of them
    frame_plan        The frame plan of an animation: how many frames, in-betweens, and sound
    perceptor_set     The perceptors of a run: loading them, their cutouts and random streams
    init_image        The init image of a run: a file, a draft or noise; pictures of prompts
    animation_setup   The motion of a run: from settings to a frame motion and feedback options
    runner            The runner: steps from any point on, and the state that has to be kept
    retake            Retakes: a range of an animation's frames, drawn again
    first_frame       Starts in the middle of another run: a retake's first frame
    resume            Resuming a run from its last checkpoint
    recording         Recording of a run: its steps into a folder, its film and its notes
    memory_footprint  The memory footprint of a run: how many bytes it needs at its peak
    memory_reduction  Memory fit: whether a run fits into memory, and what to change if not
    plan_summary      Estimates of a run for `vqclip plan`: sizes, downloads, memory and time
"""
