"""Preflight checks: everything that a run names is here."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image as pillow

from vqclip.config.schema import RunConfig
from vqclip.errors import PictureError, PromptError, VqclipError
from vqclip.language.assets import SearchPath
from vqclip.language.prompts import parse_with_negative
from vqclip.run.preflight import (
    check_run,
    make_request,
    require_files,
    without_unused_assets,
)


@pytest.fixture(autouse=True)
def standing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("art").mkdir()
    pillow.new("RGB", (4, 4)).save("art/a.png")


def run(prompts: str, **settings: str) -> RunConfig:
    return RunConfig(prompts=prompts, init=settings.pop("init", "random"), **settings)


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("@nil.png", r"^nil.png cannot be read"),
        ("a fox in(nil.png)", r"^nil.png cannot be read"),
        (
            "<nil>",
            "the word <nil> has not been learnt: .* is not in embeddings nor in art/e",
        ),
        ("vector(nil)", "no direction 'nil'"),
    ],
)
def test_what_is_not_here_is_refused(prompt: str, message: str) -> None:
    config = run(prompt, assets="art")
    with pytest.raises(VqclipError, match=message):
        require_files(
            config, parse_with_negative(prompt), SearchPath.from_settings(config.assets)
        )


def test_the_run_itself_may_hold_it() -> None:
    config = run("@a.png")
    require_files(
        config, parse_with_negative("@a.png"), SearchPath.from_settings("", Path("art"))
    )
    with pytest.raises(PictureError, match=r"a.png cannot be read"):
        require_files(config, parse_with_negative("@a.png"), SearchPath.current())


def test_wishes_are_given_understood() -> None:
    assert check_run(run("a ^ b", negative="c")) == parse_with_negative("a ^ b", "c")
    with pytest.raises(PromptError, match="has 2 scenes, and steps is 1"):
        check_run(RunConfig(prompts="a ^ b", steps=1, init="random"))


def test_a_folder_is_forgotten_where_it_is_not_needed() -> None:
    def kept(prompts: str, beside: Path | None = None, **settings: str) -> str:
        config = run(prompts, assets="art", **settings)
        return without_unused_assets(make_request(config, beside=beside), beside).config.assets

    assert kept("a fox") == "" and kept("@art/a.png") == ""
    assert kept("@a.png") == kept("a fox", init="a.png") == "art"
    assert kept("@a.png", Path("art")) == ""
    pillow.new("RGB", (4, 4)).save("a.png")
    assert kept("@a.png") == ""
