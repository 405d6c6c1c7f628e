"""Ray: a cluster of two nodes on this machine, of which one is lost in the middle of a run."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Home
from tests.helpers import sweeps
from vqclip.cli import main

FOLDER = Path("outputs/foxes")
pytestmark = pytest.mark.starter  # its workers import torch, which takes a while


@pytest.fixture
def cluster(home: Home) -> Any:
    """Two nodes with a core each; a driver without any."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    found.nodes = [found.add_node(num_cpus=1) for _ in range(2)]
    yield found
    found.shutdown()


def test_runs_of_a_lost_node_go_on_elsewhere(
    home: Home, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    axes = {"prompts": ["a fox", "an owl"], "seed": [1, 2, 3]}
    base = {"checkpoint.every": 1, "steps": 40}
    engine = {"address": cluster.address, "workers": 2}
    path = sweeps.write(home, axes, base=base, ray=engine)
    assert main.main(["sweep", str(path), "--quiet"]) == 0
    wanted = sweeps.pictures(FOLDER)
    FOLDER.rename("outputs/local")

    def lose() -> None:
        """End a node while both are drawing."""
        while len(list(FOLDER.glob("*/checkpoint.safetensors"))) < 2:
            time.sleep(0.05)
        cluster.remove_node(cluster.nodes[0], allow_graceful=False)

    watcher = threading.Thread(target=lose, daemon=True)
    watcher.start()
    assert main.main(["sweep", str(path), "--on", "ray", "--quiet"]) == 0
    watcher.join(timeout=5)
    assert not watcher.is_alive() and sweeps.pictures(FOLDER) == wanted


def test_an_address_without_a_cluster_is_refused(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("ray")
    os.environ["RAY_GCS_SERVER_REQUEST_TIMEOUT_SECONDS"] = "3"
    path = sweeps.write(
        home, {"seed": [1]}, base={"prompts": "a"}, ray={"address": "127.0.0.1:9"}
    )
    assert main.main(["sweep", str(path), "--on", "ray"]) == 1
    assert "there is no Ray cluster at 127.0.0.1:9" in capsys.readouterr().err
