"""An option that a command does not have leads to what it has for the same thing."""

import pytest

from tests.conftest import Refusal


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("plan|a fox|--iterations|100", "did you mean --steps 100? (see vqclip plan --help)"),
        ("plan|a fox|--iterations=100", "no option --iterations; did you mean --steps 100?"),
        ("a fox|-i|100", "no option -i; did you mean --steps 100? (see vqclip --help)"),
        ("plan|a fox|-ii|my photo.png", "did you mean --init 'my photo.png'?"),
        ("plan|a fox|-s|256|192", "did you mean --size 256x192?"),
        ("plan|a fox|--learning_rate|0.1", "did you mean optimiser.rate=0.1?"),
        ("plan|a fox|--save_every|10", "did you mean previews=10?"),
        ("animate|a fox|--framerate|24", "did you mean --fps 24?"),
        ("film|x|--framerate|24", "did you mean --fps 24?"),
        ("dream|a fox|--num-candidates|9", "did you mean --count 9?"),
        ("plan|-p|a fox", 'the prompt stands by itself: "a fox"'),
        ("a fox|--style|ink", "did you mean the setting style=ink?"),
        ("again|x.png|--steps|1", "did you mean the setting steps=1?"),
        ("again|x.png|--steps", "did you mean the setting steps=…?"),
        ("-dash", 'stands behind --, as in vqclip -- "-5 degrees"'),
    ],
)
def test_an_option_of_another_tool_is_translated(words: str, hint: str, refused: Refusal) -> None:
    assert hint in refused(*words.split("|"))


@pytest.mark.parametrize(
    "words",
    [
        "score|x|y|--iterations|3",
        "show|x.png|--style|ink",
        "plan|a fox|--skip_steps|3",
        "a fox|-z",
    ],
)
def test_nothing_is_suggested_that_the_command_does_not_have(
    words: str, refused: Refusal
) -> None:
    assert "did you mean" not in refused(*words.split("|"))
