"""Vector files: what they hold, who may follow them, and what is refused before a run."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from vqclip.errors import PictureError, PromptError
from vqclip.language.assets import SearchPath
from vqclip.language.directions import direction_files, vector_files
from vqclip.language.directions.direction_files import Direction

HERE = SearchPath.current()


@pytest.fixture(autouse=True)
def standing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(values: Any, name: str = "moods.json") -> str:
    Path(name).write_text(values if isinstance(values, str) else json.dumps(values))
    return name


def read(values: Any) -> Direction:
    return direction_files.find_direction(write(values), HERE)


def test_a_list_and_a_list_of_lists_are_one_vector_of_length_1() -> None:
    found = read({"RN50": [3, 4], "ViT-B/32": [[1, 0], [0, 5]]})
    assert found.of_vector_file and not found.in_words
    assert found.vectors["RN50"] == pytest.approx([0.6, 0.8])
    # each row counts as much as the other, however long it is
    assert found.vectors["ViT-B/32"] == pytest.approx([math.sqrt(0.5)] * 2)


def test_huge_and_tiny_numbers_have_a_length() -> None:
    found = read('{"a": [3e300, 4e300], "b": [3e-300, 4e-300]}')
    assert found.vectors["a"] == pytest.approx([0.6, 0.8]) == found.vectors["b"]


@pytest.mark.parametrize(
    ("key", "perceptor"),
    [
        ("ViT-B/32", "ViT-B-32::openai"),
        ("ViT-B-32", "ViT-B-32-quickgelu::openai"),
        ("ViT-L/14@336px", "ViT-L-14-336::openai"),
        ("ViT-B-16::laion2b_s34b_b88k", "ViT-B-16::laion2b_s34b_b88k"),
        ("starter", "starter"),
        ("my-clip", "models/my-clip"),
    ],
)
def test_perceptors_are_known_however_they_are_spelt(key: str, perceptor: str) -> None:
    assert vector_files.find_vector({"other": [0.0], key: [1.0]}, perceptor) == [1.0]
    assert vector_files.find_vector({"other": [0.0]}, perceptor) is None


def test_other_weights_are_another_perceptor() -> None:
    assert vector_files.find_vector({"ViT-B/32": [1.0]}, "ViT-B-32::laion2b_s34b_b79k") is None


def test_what_does_not_fit_is_refused_by_the_name_of_the_perceptor() -> None:
    write({"ViT-B/32": [1.0] * 512, "starter": [1.0] * 3})
    direction_files.check_vectors("moods.json", HERE, {"ViT-B-32::openai": None})
    missing = r"no vector for RN50::openai; it has one for ViT-B/32, starter\. Add one$"
    with pytest.raises(PromptError, match=missing):
        direction_files.check_vectors("moods.json", HERE, {"RN50::openai": None})
    with pytest.raises(PromptError, match=r"let the others follow it: vector\(moods\.json\) for"):
        direction_files.check_vectors("moods.json", HERE, {"starter": None, "RN50::openai": None})
    with pytest.raises(PromptError, match="has 3 numbers for starter, and its embeddings have 4"):
        direction_files.check_vectors("moods.json", HERE, {"starter": 4})
    write({"ViT-B/32": [1.0] * 640})  # the width of OpenAI's is known without the model
    with pytest.raises(PromptError, match=r"has 640 numbers for ViT-B-32::openai, .* have 512"):
        direction_files.check_vectors("moods.json", HERE, {"ViT-B-32::openai": None})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ('{"a": [' + "1" * 5000 + "]}", r"vector file \(a number in it is too long\)"),
        ("[" * 200_000, r"vector file \(it is nested too deeply\)"),
        ("nul", r"moods.json cannot be read as a vector file \(Expecting value"),
        ([1, 2], "moods.json is no vector file; it holds a list of numbers for each perceptor"),
        ({}, "is no vector file"),
        ({"RN50": 3}, "the values for 'RN50' are no list of numbers"),
        ({"RN50": []}, "the values for 'RN50' are no list of numbers"),
        ({"RN50": [[1, 2], [3]]}, "are no list of numbers, nor lists of as many"),
        ({"RN50": [1, "2"]}, "'RN50' hold something else than numbers"),
        ({"RN50": [True, 2]}, "hold something else than numbers"),
        ({"RN50": [0, 0]}, "are not finite, or all of them 0"),
        ('{"RN50": [NaN, 1]}', "are not finite"),
        ('{"RN50": [1e400, 1]}', "are not finite"),
        ({"RN50": [10**400, 1]}, "are not finite"),
        ({"RN50": [[1, 0], [-1, 0]]}, "are not finite, or all of them 0"),
        ({"there": ["a"], "lacking": []}, "cannot be read as a direction"),
    ],
)
def test_files_of_something_else_are_refused(values: Any, message: str) -> None:
    with pytest.raises(PromptError, match=message):
        read(values)


def test_a_missing_file_is_refused_with_the_nearest() -> None:
    write({"RN50": [1]})
    near = (
        r"vector\(mods\.json\) names a file that is not there .*; did you mean 'moods\.json'\?$"
    )
    with pytest.raises(PromptError, match=near):
        direction_files.find_direction("mods.json", HERE)
    with pytest.raises(PictureError, match="is an address"):
        direction_files.find_direction("https://example.com/moods.json", HERE)


def test_a_direction_of_ours_may_be_named_by_its_path_too() -> None:
    made = Direction(("sun",), ("rain",), {"ab": (0.6, 0.8)})
    write(direction_files.direction_to_json(made), "sunny.json")
    found = direction_files.find_direction("sunny.json", HERE)
    assert direction_files.hash_direction(found) == direction_files.hash_direction(made)
    assert found.find_vector("ab", "starter") == [0.6, 0.8]
    direction_files.check_vectors("sunny.json", HERE, {"starter": 5})  # told when it is loaded
