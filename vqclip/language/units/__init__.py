"""Units of steps, frames and time.

Begin with `step_counts`.

    step_counts  Numbers of steps or frames with a unit: `20`, `20i`, `50%`, `2s`
"""
