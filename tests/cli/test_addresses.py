"""A web address where a file is expected is named as it was written, wherever it stands."""

from pathlib import Path

import pytest

from tests.conftest import Refusal

PICTURE = "https://example.com/a.png"


@pytest.mark.parametrize(
    "words",
    [
        f"plan|a fox|init={PICTURE}",
        f"plan|a fox|--init|{PICTURE}",
        f"plan|a fox \\| @{PICTURE}:0.5",
        f"plan|a fox in({PICTURE})",
        f"plan|a fox|frames=3|source.film={PICTURE}",
        f"plan|a fox|frames=3|sound.file={PICTURE}",
        f"plan|a fox|frames=3|camera.depth={PICTURE}",
        f"plan|a fox|--preset|{PICTURE}.yaml",
        f"plan|{PICTURE}.yaml",
        f"plan|a fox|vqgan={PICTURE}",
        f"score|{PICTURE}|a fox",
        f"search|{PICTURE}|a fox",
        f"film|{PICTURE}",
        f"invert|{PICTURE}|--token|x",
        f"show|{PICTURE}",
        f"again|{PICTURE}",
        "plan|run.yaml",
    ],
)
def test_an_address_is_named_as_it_was_written(
    words: str, refused: Refusal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.yaml").write_text(f"prompts: a fox\ninit: {PICTURE}\n")
    typed = [part.replace("\\", "|") for part in words.replace("\\|", "\\").split("|")]
    said = refused(*typed)
    assert said.startswith(PICTURE)
    assert "is an address, but files are read from the disk; save it there first" in said


@pytest.mark.parametrize("words", [["out={}"], ["--out", "{}"], ["assets={}"]])
def test_an_address_for_a_folder_is_told_to_be_none(words: list[str], refused: Refusal) -> None:
    said = refused("plan", "a fox", *(each.format(PICTURE) for each in words))
    assert said == f"{PICTURE} is an address, where a folder on the disk is expected"


def test_other_addresses(refused: Refusal) -> None:
    said = refused("plan", "a fox", "init=file:///tmp/a%20b.png")
    assert said == "file:///tmp/a%20b.png is an address; write the path of the file: /tmp/a b.png"
    assert refused("plan", "a fox", "init=s3://b/a.png").startswith("s3://b/a.png is an address")


def test_an_address_that_is_drawn_is_no_file(refused: Refusal) -> None:
    assert "no setting stepz" in refused("plan", "http://example.com", "stepz=3")
