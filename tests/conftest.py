"""Tiny models with random weights, for whole runs that take a second."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis
import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # several at a time: each has a core, not all of them
    os.environ.setdefault("OMP_NUM_THREADS", "1")

VQGAN = "tiny"
FACTOR = 4


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """With `-n`, each process takes a part of the tests in order, and then from the others'.

    What a module or a session makes, such as an import of seconds, is so seldom made twice.
    """
    if getattr(config.option, "numprocesses", None) and config.option.dist == "no":
        config.option.dist = "worksteal"


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage among the millions of objects that imports make, then or later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With `-n`, the longest come first, so that no process ends on one while others wait."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: item.get_closest_marker("starter") is None)


# In a fresh clone the first text takes seconds: hypothesis makes its table of all characters.
hypothesis.settings.register_profile(
    "suite", suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("suite")


@pytest.fixture(scope="session", autouse=True)
def plain_processor() -> Iterator[None]:
    """Let every processor pass for one without bfloat16: its numbers are the same everywhere."""
    from vqclip.models import device

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(device, "has_bfloat16", lambda: False)
        yield


@dataclass(frozen=True)
class Home:
    """A VQCLIP_HOME with one imported VQGAN, and a perceptor's folder beside it."""

    path: Path
    clip: Path
    config: Path
    checkpoint: Path
    tokenizer: Any
    known_shapes: dict[tuple[Any, ...], Any] = field(default_factory=dict)

    def is_steady(self, config: Any, perceptors: Any) -> bool:
        """Whether a run has only tiny and bundled models; a test may damage another home's."""
        from vqclip.models.zoo import model_files

        known = {str(self.clip), *model_files.starter_clips()}
        return (
            os.environ.get("VQCLIP_HOME") == str(self.path)
            and config.vqgan in (VQGAN, "starter")
            and {each.name for each in perceptors} <= known
        )

    def words(self, *more: str) -> list[str]:
        """Settings for a run of about a second at 32x32 on these models."""
        return [
            *(f"vqgan={VQGAN}", f"perceptors={self.clip}", "size=32x32", "steps=3", "growth=[]"),
            *("cutouts.count=4", "film.format=none", "device=cpu"),
            *("losses.smoothness=0", "losses.distinct=0", *more),
        ]

    def settings(self, **more: object) -> dict[str, object]:
        """The same for `vqclip.load`."""
        pairs = (word.partition("=") for word in self.words())
        values: dict[str, object] = {key: value for key, _, value in pairs}
        plain = {"perceptors": [str(self.clip)], "steps": 3, "growth": []}
        del values["cutouts.count"], values["film.format"], values["losses.smoothness"]
        del values["losses.distinct"]
        groups: dict[str, object] = {"cutouts": {"count": 4}, "film": {"format": "none"}}
        groups["losses"] = {"smoothness": 0, "distinct": 0} | dict(more.pop("losses", {}))  # type: ignore[call-overload]
        return values | plain | groups | more


@pytest.fixture(scope="session", autouse=True)
def attentive() -> None:
    """Hear the signals that a shell tells its background jobs, such as these tests, to ignore."""
    for name, usual in (
        ("SIGINT", signal.default_int_handler),
        ("SIGTERM", signal.SIG_DFL),
        ("SIGHUP", signal.SIG_DFL),
    ):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, usual)


@pytest.fixture(scope="session", autouse=True)
def unseen() -> Iterator[None]:
    """No film grows while a test's run is on, unless the test is about that."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vqclip.media.live_film.PATIENCE", 600)
        yield


@pytest.fixture(scope="session", autouse=True)
def unsynced() -> Iterator[None]:
    """Force no file onto the disk: no test pulls the plug, and every run would wait for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda number: None)
        yield


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Make the models once; `home` puts them to use."""
    import open_clip
    import torch
    import yaml

    from tests.helpers import tiny_clip
    from vqclip.models import vqgan
    from vqclip.models.zoo import download

    place = tmp_path_factory.mktemp("home")
    ddconfig = {
        **{"double_z": False, "z_channels": 8, "resolution": 32, "in_channels": 3, "out_ch": 3},
        **{"ch": 32, "ch_mult": [1, 1, 1], "num_res_blocks": 1, "attn_resolutions": []},
        "dropout": 0.0,
    }
    inner = {"ddconfig": ddconfig, "n_embed": 16, "embed_dim": 8}
    layout = {"model": {"target": "taming.models.vqgan.VQModel", "params": inner}}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = vqgan.build_vqgan(layout)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.2)
    config, checkpoint = place / "tiny.yaml", place / "tiny.ckpt"
    config.write_text(yaml.safe_dump(layout))
    torch.save({"epoch": 1, "state_dict": model.state_dict()}, checkpoint)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VQCLIP_HOME", str(place))
        download.import_model(checkpoint, config, VQGAN)
    clip = tiny_clip.write(place / "clip")
    return Home(place, clip, config, checkpoint, open_clip.get_tokenizer(f"local-dir:{clip}"))


@pytest.fixture
def home(models: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Home:
    """The tiny models in use, and an empty folder to stand in."""
    from tests.helpers.outlines import reuse_shapes

    monkeypatch.setenv("VQCLIP_HOME", str(models.path))
    monkeypatch.chdir(tmp_path)
    shapes = reuse_shapes(models.known_shapes, models.is_steady)
    monkeypatch.setattr("vqclip.run.memory_reduction.build_shapes", shapes)
    monkeypatch.setattr("vqclip.run.memory_footprint.build_shapes", shapes)
    # A plan measures the machine for a second; taking the time three times will do here.
    monkeypatch.setattr("vqclip.run.timing.machine_speed.TIMING_SECONDS", 0)
    # Reading the vocabulary takes longer than a whole run; it is the same for every CLIP.
    monkeypatch.setattr("open_clip.get_tokenizer", lambda source: models.tokenizer)
    # The bundled CLIPs read with a vocabulary of their own: nobody judges these runs.
    monkeypatch.setattr("vqclip.guidance.zero_shot.judge_available", lambda perceptors: False)
    return models


Refusal = Callable[..., str]


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Refusal:
    """Run words that must be refused (exit code 2, nothing made), and give the sentence."""
    from vqclip.cli import main

    def run(*words: str) -> str:
        capsys.readouterr()
        assert main.main(list(words)) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert "Traceback" not in err
        sentence = err.strip().splitlines()[-1]
        assert sentence.startswith("error: ")
        assert not (tmp_path / "outputs").exists()
        return sentence.removeprefix("error: ")

    return run
