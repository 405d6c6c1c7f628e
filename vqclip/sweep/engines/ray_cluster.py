"""Ray: workers on a cluster, or on this machine, that draw a sweep together.

A worker is a task that takes runs that nobody else is drawing until none is left, with its models
loaded. If its node is lost, Ray starts the task elsewhere, and the run that it was drawing goes
on from its checkpoint. The sweep's folder has to be on a disk that all nodes see.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from vqclip.errors import ConfigError
from vqclip.sweep.engines.engine_settings import RaySettings
from vqclip.sweep.engines.slurm import Work

ANSWER = 5.0  # seconds in which a cluster has to answer
LOOK = 2.0  # seconds between two looks at what workers have drawn


def draw_on_ray(
    folder: Path,
    missing: int,
    work: Work,
    settings: RaySettings,
    command: Sequence[str],
    watch: Callable[[], object],
) -> int:
    """Draw what is missing of a sweep by workers of a Ray cluster; returns when all is done.

    Args:
        folder: of the sweep.
        missing: how many runs are to be drawn.
        work: draws what is missing; importable on the nodes.
        command: the words that started the sweep, for `run.json`.
        watch: called every few seconds, while workers draw.

    Returns:
        How many workers there were.

    Raises:
        ConfigError: if there is no cluster at the address, or a worker could not begin.
    """
    import ray

    here = not ray.is_initialized()
    if here:
        _connect(settings.address)
    try:
        found = ray.cluster_resources()
        gpus = int(found.get("GPU", 0))
        count = max(1, min(settings.workers or gpus or 1, missing))
        options = {"num_cpus": settings.cpus, "num_gpus": min(1, gpus), "max_retries": -1}
        share = ray.remote(**options)(_share)
        given = (work, os.getcwd(), str(folder.absolute()), list(command), _threads())
        left = [share.remote(*given) for _ in range(count)]
        while left:
            done, left = ray.wait(left, timeout=LOOK)
            for each in done:
                _read(each)
            watch()
        return count
    finally:
        if here:
            ray.shutdown()


def check_address(address: str) -> None:
    """Refuse an address at which nobody answers, before anything is drawn for it.

    Raises:
        ConfigError: that says so.
    """
    found = _find_cluster() if address == "auto" else address
    host, colon, port = found.removeprefix("ray://").rpartition(":")
    if not colon:
        return  # none: a cluster is begun on this machine
    try:  # Ray itself would try for minutes
        socket.create_connection((host, int(port)), timeout=ANSWER).close()
    except (OSError, ValueError, OverflowError) as error:
        named = found if found == address else f"{found}, where {address} leads to"
        raise _no_cluster(named, error) from error


def _find_cluster() -> str:
    """The address that Ray finds for `auto`, host:port; its cluster may have ended.

    Raises:
        ConfigError: if it finds none.
    """
    from ray._private import services

    try:
        return str(services.canonicalize_bootstrap_address("auto"))
    except (ConnectionError, ValueError) as error:
        raise _no_cluster("auto", error) from error


def _no_cluster(address: str, error: Exception) -> ConfigError:
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    where = f"at {address}" if address else "on this machine"
    return ConfigError(
        f"there is no Ray cluster {where}: {first}; check ray: {{address: …}} in the sweep's "
        "file, or RAY_ADDRESS, such as auto or 10.0.0.1:6379"
    )


def _connect(address: str) -> None:
    """Connect to a cluster, or begin one on this machine."""
    import ray

    try:
        ray.init(
            address=address or "local",
            include_dashboard=None if address else False,
            log_to_driver=False,
            logging_level="error",
        )
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise _no_cluster(address, error) from error


def _read(done: Any) -> None:
    """Take the end of a worker, which tells of failed runs itself."""
    import ray

    try:
        ray.get(done)
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None) or error
        last = (str(cause).strip() or type(cause).__name__).splitlines()[-1]
        raise ConfigError(f"a worker of the Ray cluster could not go on: {last}") from error


def _threads() -> int:
    import torch

    return torch.get_num_threads()


def _share(work: Work, place: str, folder: str, command: Sequence[str], threads: int) -> None:
    """What a worker does, on its node."""
    import torch

    if os.path.isdir(place):
        os.chdir(place)  # in which the sweep's file names its pictures
    torch.set_num_threads(threads)  # more or fewer of them give slightly other numbers
    work(folder, command)
