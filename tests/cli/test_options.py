"""The classes of options, held against what the parsers read."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import pytest

from vqclip.cli import main, prompt_arguments
from vqclip.cli.options import AnimateOptions, CommonOptions, parse_words, read_options
from vqclip.cli.parser import parser_of

SOME = {"show"}  # commands that read a prompt have it, if they draw
UNPARSED = {
    "command",
    "commands",
    "named_generate",
    "parsers",
}  # what main knows and no parser reads
NEEDED = {  # the least that a command has to be given
    **{"classify": ["a.png", "--labels", "a | b"], "search": ["photos"], "plot": ["1"]},
    **{"show": ["a.png"], "diff": ["a.png", "b.png"], "models": ["list"]},
    **{"completion": ["bash"], "sweep": ["foxes.yaml"], "sheet": ["outputs"], "vary": ["a"]},
}


@pytest.mark.parametrize("name", main.COMMANDS)
def test_a_commands_options_are_what_its_parser_reads(name: str) -> None:
    kind = main.COMMANDS[name].options
    parser = parser_of(name, main.abouts())
    read = vars(parser.parse_intermixed_args(NEEDED.get(name, [])))
    own = {each.name for each in fields(kind)} - UNPARSED
    assert own - SOME == set(read) - SOME
    options = read_options(kind, parser.parse_intermixed_args([*NEEDED.get(name, []), "--json"]))
    assert options == kind(**read | {"json": True})
    with pytest.raises(FrozenInstanceError):
        options.json = False


@pytest.mark.parametrize(("frames", "key"), [("24", "frames"), ("3:9", "retake.frames")])
def test_options_that_are_settings_are_written_as_such(frames: str, key: str) -> None:
    words = ["a fox", "--frames", frames, "--source", "a.mp4", "--size", "64x64", "--loop"]
    options = read_options(
        AnimateOptions, parser_of("animate", main.abouts()).parse_intermixed_args(words)
    )
    assert sorted(options.overrides()) == sorted(
        [f"{key}={frames}", "source.film=a.mp4", "size=64x64", "loop=true"]
    )


def test_every_command_has_the_common_options() -> None:
    assert all(issubclass(command.options, CommonOptions) for command in main.COMMANDS.values())


def test_an_animation_of_unsaid_length_has_the_defaults_of_one() -> None:
    """Such as its drawer: a still of one thing has two."""
    for words, frames in (([], 60), (["--frames", "9"], 9), (["length=2"], 24)):
        parser = parser_of("animate", main.abouts())
        given = parse_words(parser, ["a sunflower", "camera.zoom=1.03", *words])
        (config,) = prompt_arguments.read_animations(read_options(AnimateOptions, given))
        assert (config.frames, config.drawer) == (frames, "vqgan")
