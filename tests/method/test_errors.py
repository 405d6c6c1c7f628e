"""Errors: one tree, and names that are nearly right."""

from __future__ import annotations

import inspect

import pytest

from vqclip import errors
from vqclip.errors import ConfigError, ModelAbsent, ModelError, VqclipError, pick, suggest

TABLE = {"adam": 1, "rmsprop": 0}


def test_every_error_is_in_the_tree_that_the_module_draws() -> None:
    found = [
        one
        for one in vars(errors).values()
        if inspect.isclass(one) and issubclass(one, Exception) and not issubclass(one, Warning)
    ]
    assert len(found) == 9
    for one in found:
        assert issubclass(one, VqclipError)
        assert f"{one.__name__} " in (errors.__doc__ or "")
    assert issubclass(ModelAbsent, ModelError)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("adm", "; did you mean 'adam'?"),
        ("rmspop", "; did you mean 'rmsprop'?"),
        ("zzz", ""),
        ("", ""),
    ],
)
def test_the_nearest_name_is_suggested_if_there_is_one(name: str, words: str) -> None:
    assert suggest(name, TABLE) == words


def test_pick_gives_what_is_there_even_when_it_is_zero() -> None:
    assert pick(TABLE, "rmsprop", "optimiser") == 0


def test_pick_names_what_there_is() -> None:
    message = r"no optimiser is called 'adm'; did you mean 'adam'\? \(one of: adam, rmsprop\)$"
    with pytest.raises(ConfigError, match=message):
        pick(TABLE, "adm", "optimiser")
    with pytest.raises(ConfigError, match=r"no optimiser is called 'zzz' \(one of"):
        pick(TABLE, "zzz", "optimiser")
