"""Work at single steps of a run, around those of the optimisation loop.

Begin with `overlay`.

    overlay           Overlays: a picture that is laid over the drawing every so many steps
    gradient_balance  The balance of perceptors: their gradients, brought to lengths by weight
    plateau           The plateau: a run's end where a CLIP that takes no part sees no gain
    frame_runner      The frames of an animation, drawn by a runner one from another
    nan_guard         The guard against numbers that are not finite, which takes a step again
    runner_state      The state of a run between two steps: what a checkpoint keeps of it
"""
