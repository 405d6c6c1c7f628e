"""Every option of every tool, by itself."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from vqclip.errors import ConfigError, VqclipError
from vqclip.importers import options, run_file
from vqclip.importers.draft import is_known
from vqclip.importers.importing import PEERS, import_settings
from vqclip.importers.options import KEPT, LEFT, NEARLY, Option, Peer

# What makes a run of each tool.
NEEDED: dict[str, dict[str, Any]] = {
    "pixray": {"drawer": "vqgan", "prompts": "P"},
    "nerdyrodent": {"prompts": "P", "change_prompt_every": 0, "cut_method": "latest"},
    "pytti": {"scenes": "P", "animation_mode": "2D"},
    "disco": {"text_prompts": ["P"], "animation_mode": "3D", "max_frames": 3},
    "deforum": {"animation_prompts": {"0": "P"}, "animation_mode": "2D", "max_frames": 3},
    "aphantasia": {"in_txt": "P", "dwt": False, "decay": 1.5},
}
# Values that mean something, where a word or a number of any kind does not.
VALUES: dict[str, Any] = {
    **{"quality": "draft", "aspect": "square", "ezsize": "small", "init_noise": "gradient"},
    **{"drawer": "pixel", "perceptors": "mixed", "palette": "red->blue", "target_palette": "red"},
    **{"custom_loss": "symmetry", "filters": "tiler", "fft_use": "dwt", "pixel_type": "hex"},
    **{"save_every": "10", "overlay_every": "20i", "seed": 7, "set_seed": 7, "size": "64 48"},
    **{"image_model": "VQGAN", "animation_mode": "2D", "infill_mode": "wrap", "zoom": "0:(1.01)"},
    **{"smoothness_type": "log", "enforce_smoothness_type": "log", "wallpaper_type": "shift"},
    **{"learning_rate_drops": "50", "angle": "0: (1)", "fov": 50, "border": "wrap"},
    **{"padding_mode": "zeros", "noise_schedule": "0: (0.02)", "interp_spline": "Cubic"},
    **{"edge_color": "red", "noise_prompt_seeds": "7", "noise_prompt_weights": "0.5"},
    **{"frames_skip_steps": "70%", "video_init_frames_skip_steps": "70%", "cutn_batches": 2},
    **{"cut_overview": "[12]*1000", "cut_innercut": "[4]*1000", "width_height": [64, 64]},
    **{"clip_guidance_scale": 4000, "transformation_percent": [0.1], "image_prompts": "a.png"},
    **{"text_prompts": {"0": ["A:2"]}, "animation_prompts": {"0": "A"}, "scenes": "A || B"},
    **{"rotate_3d": [1, 0, 0, 0], "input_audio_filters": [], "outdir": "there"},
    **{"deterministic": True, "cuda_device": "cpu"},
    **{f"translation_{axis}": "0: (3)" for axis in "xyz"},
    **{f"rotation_3d_{axis}": "0: (3)" for axis in "xyz"},
    **{name: 64 for name in ("width", "height", "W", "H")},
    "edge_margins": [5, 5, 5, 5],
    "noise": 0.1,
    **dict.fromkeys(("overlay_offset", "overlay_until"), "10"),
    **dict.fromkeys(("rotate_2d", "zoom_x_2d", "zoom_y_2d", "translate_x", "translate_y"), "2"),
}
BY_KIND = {
    **{options.NUMBER: 2, options.WHOLE: 2, options.TRUTH: True, options.FLAG: True},
    **{options.PAIR: [64, 48], options.SIZE: "64-48", options.NUMBERS: [5, 5]},
    options.TEXTS: ["7"],
}
ROWS = [(peer, option) for peer in PEERS.values() for option in peer.options]


def name(each: Any) -> str:
    return str(each.name)


@pytest.mark.parametrize(("peer", "option"), ROWS, ids=name)
def test_an_option_by_itself_becomes_what_its_row_says(
    peer: Peer, option: Option, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if option.convert is None:  # what is written together with others is loaded in the cases
        monkeypatch.setattr(run_file, "_check", lambda text, draft: None)
    value = VALUES.get(option.name, BY_KIND.get(option.kind, "1"))
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump(NEEDED[peer.name] | {option.name: value}))
    found = import_settings(str(file))
    assert found.peer is peer
    (entry,) = [each for each in found.report if each.key == option.name]
    if option.fate == LEFT:
        assert entry.fate == LEFT and entry.told
        return
    assert {*entry.settings} <= {*option.settings} | related(option), entry
    if not any(map(is_known, option.settings)) and "." in option.to:
        assert entry.fate == LEFT
    if entry.fate == LEFT:
        assert entry.told and not entry.settings
    elif entry.fate == NEARLY:
        assert entry.told


def related(option: Option) -> set[str]:
    """Settings that a row names by the name of their group, or of a list of losses."""
    groups = {each for each in option.settings if "." not in each}
    found = {"losses": {"losses.symmetry"}, "camera": {"camera.zoom"}}
    return {key for each in groups for key in found.get(each, set())}


@pytest.mark.parametrize("peer", PEERS.values(), ids=name)
def test_names_are_found_as_they_are_typed(peer: Peer) -> None:
    for option in peer.options:
        for each in option.names.split():
            assert peer.find(each) is option and peer.find(f"--{each}") is option
            assert peer.find(f"-{each.replace('_', '-')}") is option


def test_the_beginning_of_a_name_will_do_on_a_command_line() -> None:
    pixray = PEERS["pixray"]
    found = pixray.find("--prompt", prefixes=True)
    assert found is not None and found.name == "prompts"
    assert pixray.find("--prompt") is None
    assert pixray.find("--smooth", prefixes=True) is None  # of several


@pytest.mark.parametrize(
    ("typed", "near"),
    [
        ("wallpaper_shift", "wallpaper_type"),
        ("qualtiy", "quality"),
        ("--iteration", "iterations"),
    ],
)
def test_an_unknown_option_is_told_of_with_the_nearest(typed: str, near: str) -> None:
    assert PEERS["pixray"].nearest(typed) == near


def test_two_options_cannot_have_one_name() -> None:
    row = options.left("a b", "", "why")
    with pytest.raises(ValueError, match="two options are called b"):
        options.check_rows([row, options.left("b", "", "why")])


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [
        (options.TRUTH, "Yes", True),
        (options.TRUTH, 0, False),
        (options.WHOLE, "12", 12),
        (options.NUMBER, [".5"], 0.5),
        (options.NUMBERS, "50 90", [50, 90]),
        (options.PAIR, "1280-720", (1280, 720)),
        (options.PAIR, ["64", "48"], (64, 48)),
        (options.PAIR, 64, (64, 64)),
        (options.TEXT, 12.5, "12.5"),
        (options.PROMPTS, ["a", "b"], "a | b"),
        (options.TEXTS, 75, ["75"]),
    ],
)
def test_values_are_read_as_people_write_them(kind: options.Kind, value: Any, read: Any) -> None:
    assert options.read_value("pixray", "x", value, kind) == read


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (options.TRUTH, "perhaps"),
        (options.WHOLE, 2.5),
        (options.NUMBER, "inf"),
        (options.NUMBER, "nan"),
        (options.NUMBER, 10**400),
        (options.NUMBER, True),
        (options.PAIR, [1, 2, 3]),
        (options.PAIR, "0 5"),
        (options.TEXT, {"a": 1}),
        (options.MAPPING, [1]),
    ],
)
def test_values_of_another_kind_are_refused_in_a_sentence(kind: options.Kind, value: Any) -> None:
    with pytest.raises(ConfigError, match=r"^x is .*, and in pixray it must be "):
        options.read_value("pixray", "x", value, kind)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("pixray.py -p P --quality finest", "quality is 'finest'; it is one of draft, normal"),
        (
            "pixray.py -p P --custom_loss palette",
            "the loss palette needs a palette; pixray stops",
        ),
        ("pixray.py -p P --custom_loss smoothnes", "did you mean 'smoothness'?"),
        ("pixray.py -p P -i 0", "i is '0'; it must be 1 or more"),
        ("pixray.py -p P -i many", "i is 'many', and in pixray it must be a whole number"),
        ("pixray.py -p P -i", "-i has no value, and pixray takes a whole number"),
        ("pixray.py -p P --size 20000 20000", "size is '[20000, 20000]'; the run file would be"),
        ("pixray.py -p P --palette teel --custom_loss palette", "'teel' is not a colour"),
        ("pixray.py -p P -se 5x", "it is a number of steps such as 20, or a share: 50%"),
        ("pixray.py -p P:1e999", "must be a finite number"),
        ("pixray.py -p P -sp Q -spf mask", "names no part of a picture"),
        ("generate.py -p 'a:b'", "'b' in the prompt 'a:b' stands where the weight is"),
        ("generate.py -p P -zvid -zse 0", "zse is '0'; it must be 1 or more"),
        ("generate.py -s 64 64", "there are no prompts in it"),
        ("generate.py -p 'A^B' -cpe 1 -i 5000", "that makes 5001 scenes; 200 are the most"),
        ("clip_fft.py -t P --samples 0", "samples is '0'; it must be 1 or more"),
    ],
)
def test_values_that_make_no_sense_are_errors_in_sentences(typed: str, sentence: str) -> None:
    with pytest.raises(VqclipError) as refused:
        import_settings(f"python {typed}")
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"text_prompts": ["A:1", "B:-1"]}, "the weights of text_prompts add up to 0"),
        ({"text_prompts": {"x": "A"}}, 'it is such as {"0": ["a fox:2", "fog:-1"]}'),
        ({"text_prompts": "A", "cut_overview": "range(9)"}, "it is such as [12]*400+[4]*600"),
        ({"text_prompts": "A", "clip_guidance_scale": 0}, "it must be above 0"),
        ({"scenes": "", "steps_per_scene": 1}, "there are no scenes in it"),
        ({"scenes": "A", "ViTB32": False}, "no CLIP is switched on"),
        ({"scenes": "A", "image_model": "Limimted Palette"}, "it is Unlimited Palette, Limited"),
        ({"scenes": "A", "animation_mode": "Video Source"}, "Video Source needs a film"),
    ],
)
def test_the_same_of_files(settings: dict[str, Any], sentence: str, tmp_path: Any) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump(settings))
    with pytest.raises(VqclipError) as refused:
        import_settings(str(file))
    assert sentence in str(refused.value)


def test_repeated_options_are_named_once_and_the_last_counts() -> None:
    found = import_settings("pixray.py --prompts A --seed 1 --seed 2 -sd 3 --losses symmetry")
    assert "seed: 3" in found.text
    told = {entry.key: (entry.fate, entry.told) for entry in found.report}
    assert told["sd"] == (KEPT, "")
    assert told["seed"][0] == LEFT and "given again, as sd" in told["seed"][1]
    assert found.notes == ["seed is given more than once; the last one counts"]
    assert len(found.report) == 4


@pytest.mark.parametrize(
    ("options", "count"),
    [
        *[("", 190), ("--samples 101", 95), ("-tf none", 200), ("-m ViT-B/16", 47)],
        *[("-m RN50x4 -t2 B", 22), ("--dualmod 3", 43), ("-e .1", 95)],
    ],
)
def test_aphantasia_takes_fewer_samples_for_much(options: str, count: int) -> None:
    text = import_settings(f"clip_fft.py -t A {options}").text
    assert yaml.safe_load(text)["cutouts"]["count"] == count
