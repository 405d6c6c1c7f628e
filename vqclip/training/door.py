"""Who trains what? The one way from settings to a training, whatever the recipe."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vqclip.training import clip, prior, runs, sentences, teacher, vqgan
from vqclip.training.settings import Recipe


def train(recipe: Recipe, tell: runs.Tell = runs.nobody) -> runs.Run:
    """Train by a recipe, from where its folder says, as far as it says.

    Args:
        tell: hears of "pictures", "skipped", "start", "step", "report", "sheet" and "checkpoint".

    Returns:
        How far it came.

    Raises:
        VqclipError: if something is absent, does not fit or cannot be written.
    """
    return TRAININGS[recipe.recipe](recipe, tell)


TRAININGS: dict[str, Callable[[Any, runs.Tell], runs.Run]] = {
    "vqgan": vqgan.train,
    "clip": clip.train,
    "teacher": teacher.train,
    "sentences": sentences.train,
    "prior": prior.train,
}
