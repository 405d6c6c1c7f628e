"""Settings of other tools become the run files that the tables of their options say."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.helpers.peer_cases import OWN
from tests.helpers.peers import PUBLIC, Case
from vqclip.config import loading
from vqclip.config.setting_descriptions import to_dict
from vqclip.config.setting_layers import flatten_keys
from vqclip.importers.draft import is_known
from vqclip.importers.importing import Imported, import_settings
from vqclip.importers.options import KEPT, LEFT, NEARLY

CASES = (*PUBLIC, *OWN)


def loaded(found: Imported, folder: Path) -> dict[str, object]:
    """The settings of a run file, as vqclip loads them."""
    file = folder / "run.yaml"
    file.write_text(found.text, encoding="utf-8")
    return flatten_keys(to_dict(loading.load_config(file=file)))


def test_there_are_enough_of_them() -> None:
    assert len(PUBLIC) >= 17 and len(OWN) >= 20


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_becomes_the_settings_of_the_tables(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = import_settings(case.place(tmp_path))
    told = " ".join(entry.told for entry in found.report)
    settings = loaded(found, tmp_path)
    assert {key: settings.get(key) for key in case.wanted if is_known(key)} == {
        key: value for key, value in case.wanted.items() if is_known(key)
    }
    for key in case.wanted:
        # What is only planned is told of, and written when it is there.
        assert is_known(key) or f"vqclip has no {key} yet" in told
    assert not {*case.gone} & {*yaml.safe_load(found.text)}
    planned = "vqclip has no"
    fates = {
        fate: {entry.key for entry in found.report if entry.fate == fate}
        for fate in (KEPT, NEARLY, LEFT)
    }
    if planned in told:
        assert fates[NEARLY] == {*case.nearly.split()}
        assert fates[LEFT] == {*case.left.split()}
    else:
        assert fates[NEARLY] <= {*case.nearly.split()}
        assert fates[LEFT] <= {*case.left.split()}
    keys = [entry.key for entry in found.report]
    assert len(keys) == len({*keys}), "an option is named twice"
