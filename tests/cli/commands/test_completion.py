"""Completion: what shells offer for a line that is begun; those that are not here are skipped."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_main import ROOT
from tests.conftest import Home, Refusal
from vqclip.cli import main
from vqclip.cli.commands import completion
from vqclip.config import presets
from vqclip.config.setting_descriptions import describe_settings

Capture = pytest.CaptureFixture[str]
# A line, what is offered at its end, and what is not.
OFFERS = [
    ("vqclip ani", ["animate"], ["plan"]),
    ("vqclip --see", ["--seed"], ["--size"]),
    ("vqclip generate --pre", ["--preset"], ["--seed"]),
    ("vqclip plan --al", ["--all"], []),
    ("vqclip --preset in", ["ink"], ["neon"]),
    ("vqclip plan --preset ink,ne", ["ink,neon"], ["ink,ink"]),
    ("vqclip film --format we", ["webm", "webp"], ["mp4"]),
    ("vqclip models ver", ["verify"], ["fetch"]),
    ("vqclip models fetch imagenet_f16_1", ["imagenet_f16_1024"], []),
    ("vqclip help sch", ["schedules"], ["prompts"]),
    ("vqclip help settings cam", ["camera"], []),
    ("vqclip completion f", ["fish"], ["bash"]),
    ("vqclip 'a fox' cam", ["camera."], ["camera.zoom="]),
    ("vqclip 'a fox' camera.z", ["camera.zoom="], ["camera.roll="]),
    ("vqclip 'a fox' --seed 3 ste", ["steps="], ["size="]),
    ("vqclip animate 'a fox' film.format=we", ["webm", "webp"], ["mp4"]),
    ("vqclip 'a fox' film.format=we", ["webm", "webp"], ["mp4"]),
    ("vqclip 'a fox' loop=t", ["true"], ["false"]),
    ("vqclip 'a fox' vqgan=ti", ["tiny"], ["starter"]),
    ("vqclip 'a fox' perceptors=starter,starter-s", ["starter,starter-second"], []),
    ("vqclip 'a fox' init=dra", ["drawing.png"], []),
    ("vqclip train own", ["own_vqgan"], ["starter_vqgan"]),
    ("vqclip train own_vqgan pict", ["pictures="], ["init="]),
    ("vqclip invert --kind st", ["style"], ["object"]),
    ("vqclip show dra", ["drawing.png"], []),
]
BASH = """
source ./script
COMP_LINE=$LINE COMP_POINT=${#LINE} COMP_TYPE=9
eval "COMP_WORDS=($WORDS)"
COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 ))
compopt() { :; }
_vqclip vqclip "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "${COMPREPLY[@]}"
[[ ${#COMPREPLY[@]} -gt 0 && -n ${COMPREPLY[0]} ]] || compgen -f -- "${COMP_WORDS[COMP_CWORD]}"
"""
ZSH = """
zmodload zsh/zpty
zpty shell "zsh -f -i"
zpty -w shell "source ./spy; echo rea''dy"
zpty -r shell line '*ready*'
zpty -w -n shell "$LINE"$'\\t\\C-x'
for (( tries = 0; tries < 300; tries++ )); do
  [[ -e told ]] && break
  sleep 0.1
done
zpty -d shell
cat offers
"""
SPY = """
PROMPT=
autoload -Uz compinit
compinit -u -D
eval "$(<script)"
compadd() {
  local -a hits
  builtin compadd -O hits "$@"
  builtin compadd "$@"
  print -rl -- $hits >> offers
}
tell() {
  print -r -- ${${=BUFFER}[-1]} >> offers
  : > told
}
zle -N tell
bindkey '^X' tell
"""


@pytest.fixture
def place(home: Home, tmp_path: Path) -> Path:
    """A folder with a picture, a `vqclip` on the path, and models at home."""
    (tmp_path / "drawing.png").touch()
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "vqclip"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m vqclip "$@"\n')
    command.chmod(0o755)
    return tmp_path


def ask(shell: str, line: str, place: Path, capsys: Capture) -> list[str]:
    """What a shell offers at the end of a line."""
    assert main.main(["completion", shell]) == 0
    (place / "script").write_text(capsys.readouterr().out)
    (place / "spy").write_text(SPY)
    paths = f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": paths, "PYTHONPATH": str(ROOT), "LINE": line}
    if shell == "bash":
        # As bash splits a line: at = and : too.
        words = shlex.split(line)
        split = [part for word in words[1:] for part in word.replace("=", "\n=\n").split("\n")]
        env["WORDS"] = " ".join(["vqclip", *(shlex.quote(each) for each in split)])
        code = [BASH]
    elif shell == "fish":
        code = [f"source ./script; complete -C {shlex.quote(line)}"]
    else:
        code = [ZSH]
    done = subprocess.run(
        [shell, "-c", *code], cwd=place, env=env, capture_output=True, text=True, timeout=60
    )
    return [offer.split("\t")[0].strip() for offer in done.stdout.splitlines()]


@pytest.mark.parametrize("shell", completion.SHELLS)
@pytest.mark.parametrize(("line", "wanted", "unwanted"), OFFERS, ids=[o[0] for o in OFFERS])
def test_a_shell_offers_what_fits(
    shell: str, line: str, wanted: list[str], unwanted: list[str], place: Path, capsys: Capture
) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    offers = ask(shell, line, place, capsys)
    # fish offers whole words, bash and zsh what follows the last "=".
    offers = [offer.rpartition("=")[2] or offer for offer in offers]
    assert [each for each in wanted if each not in offers] == [], offers
    assert [each for each in unwanted if each in offers] == []


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_a_script_knows_all_commands_and_settings(shell: str, capsys: Capture) -> None:
    assert main.main(["completion", shell]) == 0
    text = capsys.readouterr().out
    for name in main.COMMANDS:
        assert name in text
    for setting in describe_settings():
        assert f"{setting.key}=" in text or setting.key == "prompts"
        assert all(choice in text for choice in setting.choices)
    assert "@RUN@" not in text and "@VALUES@" not in text and str(ROOT) not in text


def test_names_of_this_machine_are_asked_for(home: Home, capsys: Capture) -> None:
    told = {}
    for kind in ("presets", "models", "perceptors", "all"):
        assert main.main(["completion", kind]) == 0
        told[kind] = capsys.readouterr().out.splitlines()
    assert told["presets"] == list(presets.list_presets())
    assert told["models"] == ["starter", "tiny"]
    assert "starter-second" in told["perceptors"] and "tiny" not in told["perceptors"]
    assert {"tiny", "sflckr", "ViT-B-32::openai"} <= set(told["all"])


def test_a_shell_that_is_not_completed_for_is_refused(refused: Refusal) -> None:
    assert "called 'bsh'; did you mean 'bash'?" in refused("completion", "bsh")
