"""Which objectives there are for the weights of a run; whole runs are in test_session."""

from __future__ import annotations

from dataclasses import fields, replace

from vqclip import losses
from vqclip.config import LossSettings
from vqclip.objectives import from_losses, names_of


def test_every_loss_is_among_the_objectives_when_it_has_a_weight() -> None:
    numbers = [each.name for each in fields(LossSettings) if isinstance(each.default, float)]
    everything = replace(LossSettings(), **dict.fromkeys(numbers, -1.0), colours="gold")
    assert set(names_of(everything)) == {"distinct", *losses.LOSSES} == set(numbers)
    assert names_of(LossSettings(distinct=0, smoothness=0)) == []
    assert names_of(LossSettings(smoothness=0, edges=-0.5)) == ["distinct", "edges"]


def test_weights_stay_the_same_from_step_to_step() -> None:
    (objective,) = from_losses(LossSettings(symmetry=-2.0, smoothness=0), None)
    assert objective.name == "symmetry"
    assert [objective.weight(step) for step in (0, 7)] == [-2.0, -2.0]
