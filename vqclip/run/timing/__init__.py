"""The time that a run takes, part by part.

Begin with `run_times`.

    run_times      The times of a run's parts: its start, its steps, what lies between, its end
    machine_speed  The speed of this machine at the work of a run, measured for a second
"""
