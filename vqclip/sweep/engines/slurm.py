"""Slurm: a sweep as an array job, submitted by submitit.

Every task does the same: it takes runs that nobody else is drawing until none is left, so a task
that ends early takes more of them, and what a lost task was drawing goes on in another one. A
task whose time is over is queued again.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from vqclip.errors import ConfigError
from vqclip.sweep.engines.engine_settings import SlurmSettings, require_engine

Work = Callable[[str, Sequence[str]], None]  # the folder of a sweep, and the words for run.json


def require_slurm() -> None:
    """Refuse to submit where there is no Slurm.

    Raises:
        ConfigError: with what is missing.
    """
    require_engine("submitit", "slurm")
    for name in ("sbatch", "srun"):
        if shutil.which(name) is None:
            raise ConfigError(
                f"--on slurm needs {name}, which is not on this machine; run it where jobs are "
                "submitted, with the sweep's folder on a disk that the nodes share"
            )


class Share:
    """What a task of the array does; submitit takes it to the node."""

    def __init__(self, work: Work) -> None:
        self.work = work

    def __call__(self, folder: str, command: Sequence[str]) -> None:
        """Draw what is missing of a sweep."""
        self.work(folder, command)

    def checkpoint(self, folder: str, command: Sequence[str]) -> Any:
        """What is queued again when the time is over: the same, on from the checkpoints."""
        import submitit

        return submitit.helpers.DelayedSubmission(self, folder, command)


def submit_array(
    folder: Path,
    missing: int,
    work: Work,
    settings: SlurmSettings,
    command: Sequence[str],
    cluster: str = "slurm",
) -> list[Any]:
    """Submit the array job of a sweep.

    Args:
        folder: of the sweep, on a disk that all nodes see.
        missing: how many runs are to be drawn.
        work: draws what is missing; importable on the nodes.
        command: the words that started the sweep, for `run.json`.
        cluster: "slurm"; "local" and "debug" are submitit's own, on this machine.

    Returns:
        submitit's jobs, one for each task.

    Raises:
        ConfigError: if Slurm refuses it.
    """
    import submitit

    executor = submitit.AutoExecutor(folder=folder.absolute() / "slurm", cluster=cluster)
    options: dict[str, Any] = {
        "name": f"vqclip-{folder.name}",
        "timeout_min": settings.minutes,
        "mem_gb": settings.memory,
        "cpus_per_task": settings.cpus,
        "gpus_per_node": settings.gpus or None,
        "slurm_partition": settings.partition or None,
        "slurm_account": settings.account or None,
        "slurm_setup": [*settings.setup] or None,
    }
    executor.update_parameters(**{k: v for k, v in options.items() if v is not None})
    share = Share(work)
    try:
        with executor.batch():
            jobs = [
                executor.submit(share, str(folder.absolute()), list(command))
                for _ in range(min(settings.tasks, missing))
            ]
    except (submitit.core.utils.FailedSubmissionError, OSError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise ConfigError(
            f"Slurm did not take the job: {lines[-1]}; check slurm: in the sweep's file, or the "
            "variables SBATCH_…"
        ) from error
    return jobs
