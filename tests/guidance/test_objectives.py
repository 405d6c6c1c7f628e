"""Which objectives there are for the weights of a run; whole runs are in test_session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import cast

import pytest
import torch
from torch import Tensor

from vqclip.config.loss_settings import LossSettings
from vqclip.config.setting_descriptions import DRAWER_LOSSES
from vqclip.guidance.losses.registry import LOSSES, LossInputs
from vqclip.guidance.objectives import (
    PromptInputs,
    limit_init_loss,
    list_weighted_losses,
    make_loss_objectives,
    make_prompt_objectives,
)
from vqclip.guidance.perceptor import OpenClipPerceptor
from vqclip.guidance.scenes import SceneTimeline
from vqclip.language.assets import SearchPath
from vqclip.language.clock import Clock
from vqclip.language.prompts import parse_prompts
from vqclip.models.tokenizer import TokenRow
from vqclip.optimisation_loop import Loss, Objective, View


def test_every_loss_is_among_the_objectives_when_it_has_a_weight() -> None:
    numbers = [each.name for each in fields(LossSettings) if "changing" in each.metadata]
    everything = replace(LossSettings(), **dict.fromkeys(numbers, -1.0), colours="gold")
    assert (
        set(list_weighted_losses(everything))
        == {"distinct", *LOSSES, *DRAWER_LOSSES}
        == set(numbers)
    )
    assert list_weighted_losses(LossSettings(distinct=0, smoothness=0)) == []
    assert list_weighted_losses(LossSettings(smoothness=0, edges=-0.5)) == ["distinct", "edges"]


def test_weights_stay_the_same_from_step_to_step() -> None:
    (objective,) = make_loss_objectives(
        LossInputs(LossSettings(symmetry=-2.0, smoothness=0)), Clock(9)
    )
    assert objective.name == "symmetry"
    assert [objective.weight(step) for step in (0, 7)] == [-2.0, -2.0]


def test_weights_of_losses_may_change() -> None:
    wanted = LossSettings(symmetry="0: 0, 8: 4", smoothness=0)
    (objective,) = make_loss_objectives(LossInputs(wanted), Clock(9))
    assert [objective.weight(step) for step in (0, 4, 8)] == [0, 2, 4]


def test_losses_of_the_start_end_with_the_first_frame() -> None:
    liked = [
        Objective(name, lambda step: 1.0, lambda view: torch.zeros(()))
        for name in ("init", "contours", "latent", "depth", "look")
    ]
    for depth_of, lasting in (("", {"look"}), ("map.png", {"look", "depth"})):
        wanted = LossSettings(depth_of=depth_of)
        found = list(limit_init_loss(liked, 5, wanted))
        assert all(each.weight(4) == 1 for each in found)
        assert {each.name for each in found if each.weight(5)} == lasting


def test_losses_of_the_drawer_are_among_them() -> None:
    wanted = LossSettings(smoothness=0, opacity="0: 0, 8: 4", unlike=0.5)
    drawn: dict[str, Loss] = {name: lambda view: torch.zeros(()) for name in DRAWER_LOSSES}
    found = {
        each.name: each
        for each in make_loss_objectives(LossInputs(wanted, drawn=drawn), Clock(9))
    }
    assert found.keys() == {"opacity", "unlike"}
    assert found["opacity"].loss is drawn["opacity"]
    assert [found["opacity"].weight(step) for step in (0, 4, 8)] == [0, 2, 4]


class Reader:
    """A perceptor for which every text lies along the first axis."""

    name = "reader"
    token_room = 75
    reads_sentences = False

    tokenizer = None

    def tokenise(self, pieces: Sequence[tuple[str, float]]) -> TokenRow:
        return TokenRow(torch.zeros(77), torch.ones(77), (), 2 + len(pieces))

    def embed_text(self, texts: list[str]) -> Tensor:
        return torch.tensor([[1.0, 0.0]]).expand(len(texts), -1)


@pytest.mark.parametrize(
    ("prompt", "cosine", "moves"),
    [
        ("fog:-2", 0.1, True),
        ("fog:-2", -0.1, False),
        ("fog:-2:-4.5", -0.1, True),
        ("fog:-2:-0.9", 0.1, False),
        ("fox:2", -0.1, True),
    ],
)
def test_what_pushes_rests_at_a_right_angle(prompt: str, cosine: float, moves: bool) -> None:
    (wish,) = make_prompt_objectives(
        parse_prompts(prompt),
        [cast(OpenClipPerceptor, Reader())],
        SceneTimeline(1, Clock(1)),
        PromptInputs(SearchPath.current()),
    )
    seen = torch.tensor([[cosine, (1 - cosine**2) ** 0.5]], requires_grad=True)
    wish.loss(View(torch.zeros(1, 3, 1, 1), {}, {"reader": seen}, 0)).backward()
    assert seen.grad is not None
    assert bool(seen.grad.abs().sum() > 0) == moves
