"""Distractors, against CLIP's own cross-entropy."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from tests.conftest import Home
from tests.helpers import building
from vqclip.config.loading import load_config
from vqclip.guidance import distractors, objectives
from vqclip.guidance import perceptor as guidance_perceptor
from vqclip.guidance.scenes import SceneTimeline
from vqclip.language.clock import Clock
from vqclip.language.prompts import parse_prompts
from vqclip.optimisation_loop import Objective, View


def directions(count: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return functional.normalize(torch.randn(count, 12, generator=generator), dim=1)


def test_the_lists_share_no_thing_and_have_none_twice() -> None:
    drawn, judged = (
        distractors.distractors_for("", distractors.OPTIMISED_AGAINST),
        distractors.distractors_for("", distractors.HELD_OUT),
    )
    assert len(drawn) > 140 and len(judged) > 100
    assert len({*drawn, *judged}) == len(drawn) + len(judged)
    assert all(thing == thing.strip() and thing for thing in [*drawn, *judged])


def test_what_a_text_names_is_no_foil() -> None:
    assert {"wolf", "ladder"} <= set(distractors.distractors_for("a fox"))
    assert not {"wolf", "ladder"} & set(distractors.distractors_for("a Wolf on ladders"))


def test_the_loss_is_cross_entropy_among_the_foils() -> None:
    seen, wanted, away = directions(5, 0), directions(1, 1), directions(7, 2)
    logits = distractors.INVERSE_TEMPERATURE * seen @ torch.cat([wanted, away]).T
    zeros = torch.zeros(5, dtype=torch.long)
    each = functional.cross_entropy(logits, zeros, reduction="none")
    torch.testing.assert_close(-distractors.log_certainty(seen, wanted, away), each)
    view = View(torch.zeros(1, 3, 8, 8), {}, {"one": seen}, 0)
    pairs = {"one": [(wanted, away), (wanted, away)]}
    torch.testing.assert_close(distractors.contrast_loss(pairs)(view), each.mean())


def test_the_gradient_leaves_the_foils() -> None:
    seen, wanted, away = directions(1, 0).requires_grad_(), directions(1, 1), directions(1, 2)
    distractors.contrast_loss({"one": [(wanted, away)]})(
        View(seen, {}, {"one": seen}, 0)
    ).backward()
    assert seen.grad is not None
    assert float((-seen.grad * wanted).sum()) > float((-seen.grad * away).sum())


def test_only_words_that_are_wished_for_are_told_from_others(home: Home) -> None:
    perceptor = guidance_perceptor.load_perceptor(str(home.clip))

    def made(prompt: str, weight: float = 0.05) -> list[Objective]:
        return list(
            objectives.make_distractor_objectives(
                parse_prompts(prompt), [perceptor], SceneTimeline(1, Clock(1)), weight
            )
        )

    assert [each.name for each in made("a fox | an owl | fog:-1")] == ["distinct"]
    assert made("fog:-1") == made("a fox", 0) == []


@pytest.mark.parametrize(("weight", "there"), [(0.05, True), (0.0, False)])
def test_a_run_is_held_against_foils_in_its_own_style(
    home: Home, weight: float, there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    embed = guidance_perceptor.OpenClipPerceptor.embed_text

    def watched(self: guidance_perceptor.OpenClipPerceptor, texts: list[str]) -> torch.Tensor:
        read.extend(texts)
        return embed(self, texts)

    monkeypatch.setattr(guidance_perceptor.OpenClipPerceptor, "embed_text", watched)
    words = home.words(f"losses.distinct={weight}", "style=an etching of {}")
    ready = building.build(load_config("a fox", overrides=words))
    names = [each.name for each in ready.objectives]
    assert ("distinct" in names) == there
    assert ("an etching of wolf" in read) == there
    (step, *_) = ready.play()
    assert ("distinct" in step.losses) == there
