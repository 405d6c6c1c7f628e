"""Engines that draw a sweep elsewhere: on a Slurm cluster, or on a Ray cluster.

Begin with `engine_settings`.

    engine_settings  The settings of engines, which stand in the sweep's file
    slurm            Slurm: an array job, submitted by submitit
    ray_cluster      Ray: workers on a cluster, or on this machine
"""
