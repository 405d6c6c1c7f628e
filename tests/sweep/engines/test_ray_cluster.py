"""Ray: a cluster of two nodes on this machine, of which one is lost in the middle of a run."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.conftest import Home, Refusal
from tests.helpers import sweeps
from vqclip.cli import main
from vqclip.errors import ConfigError
from vqclip.sweep.engines import ray_cluster

FOLDER = Path("outputs/foxes")


def pretend_ray(monkeypatch: pytest.MonkeyPatch, find: Callable[[], str]) -> None:
    """Let `find` say what Ray finds for the address `auto`."""
    services = SimpleNamespace(canonicalize_bootstrap_address=lambda name: find())
    monkeypatch.setitem(sys.modules, "ray", ModuleType("ray"))
    monkeypatch.setitem(sys.modules, "ray._private", SimpleNamespace(services=services))


@pytest.fixture
def cluster(home: Home) -> Any:
    """Two nodes with a core each; a driver without any."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    found.nodes = [found.add_node(num_cpus=1) for _ in range(2)]
    yield found
    found.shutdown()


@pytest.mark.starter  # its workers import torch, which takes a while
def test_runs_of_a_lost_node_go_on_elsewhere(
    home: Home, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    axes = {"prompts": ["a fox", "an owl"], "seed": [1, 2, 3]}
    base = {"checkpoint.every": 1, "steps": 40, "precision": "fp32"}
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
    for name in wanted:  # no step was taken twice
        log = (FOLDER / name / "log.jsonl").read_text().splitlines()
        assert [json.loads(line)["step"] for line in log] == [*range(40)]


def test_auto_leads_to_a_cluster_that_has_to_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as cluster:
        address = f"127.0.0.1:{cluster.getsockname()[1]}"
        pretend_ray(monkeypatch, lambda: address)
        ray_cluster.check_address("auto")
    with pytest.raises(ConfigError, match=f"at {address}, where auto leads to: "):
        ray_cluster.check_address("auto")  # Ray still has the address of one that ended
    ray_cluster.check_address("")


def test_an_address_without_a_cluster_is_refused(
    home: Home, monkeypatch: pytest.MonkeyPatch, refused: Refusal
) -> None:
    monkeypatch.setattr("vqclip.sweep.engines.engine_settings.find_spec", lambda name: True)
    for address in ("127.0.0.1:9", "ray://127.0.0.1:9", "127.0.0.1:x"):
        engine = {"address": address}
        path = sweeps.write(home, {"seed": [1]}, base={"prompts": "a"}, ray=engine)
        told = refused("sweep", str(path), "--on", "ray")
        assert f"there is no Ray cluster at {address}: " in told
