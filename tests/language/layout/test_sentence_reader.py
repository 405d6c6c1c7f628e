"""Tests of the reader of sentences: things, numbers, relations, ground and style."""

from __future__ import annotations

import pytest

from vqclip.language.layout.layout_types import Sentence
from vqclip.language.layout.reader.sentence_reader import read_sentence


def read(text: str) -> Sentence:
    sentence = read_sentence(text)
    assert sentence is not None, text
    return sentence


def things(text: str) -> list[tuple[str, int]]:
    return [(mention.name, mention.count) for mention in read(text).mentions]


def relations(text: str) -> set[str]:
    """The relations of a sentence, such as "on cat chair"."""
    sentence = read(text)
    names = [mention.name for mention in sentence.mentions]
    return {
        " ".join([r.kind, names[r.subject], *(names[index] for index in r.objects)])
        for r in sentence.relations
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a black cat on a red chair", "on cat chair"),
        ("a snowman under a palm tree", "below snowman palm tree"),
        ("a full moon over a castle", "above full moon castle"),
        ("a lamp above a bed", "above lamp bed"),
        ("a mouse beneath a mushroom", "below mouse mushroom"),
        ("a car next to a barn", "beside car barn"),
        ("a truck by a tree", "beside truck tree"),
        ("there is a bowl to the left of a dog", "left bowl dog"),
        ("a dog, to the right of which is a cat", "right cat dog"),
        ("a red cube on the left side of a blue sphere", "left cube sphere"),
        ("a dog in front of a house", "front dog house"),
        ("a bear behind a tree", "behind bear tree"),
        ("a cat sleeping between two dogs", "between cat dog dog"),
        ("a bottle between a glass and a plate", "between bottle glass plate"),
        ("two fish in a bowl", "inside fish bowl"),
        ("four chairs around a table", "around chair table"),
        ("a house surrounded by pine trees", "around pine tree house"),
        ("a blue house with a red door", "part house door"),
        ("a dog wearing a top hat", "wearing dog top hat"),
        ("a rabbit in a top hat", "wearing rabbit top hat"),
        ("a penguin carrying an umbrella", "holding penguin umbrella"),
        ("a girl with a balloon", "holding girl balloon"),
        ("a knight riding a dragon", "riding knight dragon"),
        ("a horse being ridden by a girl", "riding girl horse"),
        ("a bicycle parked next to a fountain", "beside bicycle fountain"),
        ("a cat is sitting on a chair", "on cat chair"),
        ("a cat sits on a chair", "on cat chair"),
        ("a bird that is perched on a branch", "on bird branch"),
        ("a table with a blue umbrella on top of it", "on umbrella table"),
        ("a truck with a boat on top", "on boat truck"),
        ("a plate of spaghetti", "on spaghetti plate"),
        ("on the table there is a pumpkin", "on pumpkin table"),
        ("under the bridge sleeps a troll", "below troll bridge"),
        ("a cat on the left and a dog on the right", "left cat dog"),
        ("a lion and a tiger facing each other", "beside lion tiger"),
        ("a lamp above a table with four chairs around it", "around chair table"),
        ("a boy flying a kite", "above kite boy"),
        ("a jar filled with three marbles", "inside marble jar"),
        ("a pizza topped with olives", "on olive pizza"),
        ("a crow sitting on a scarecrow's head", "on crow scarecrow"),
        ("a cat on the roof of a car", "on cat car"),
        ("a dog with a bone in its mouth", "holding dog bone"),
        ("a fish with a hat on its head", "wearing fish hat"),
        ("a goat next to a donkey on a boat", "on donkey boat"),
        ("a desk with a laptop", "on laptop desk"),
        ("a cat and a dog", "with dog cat"),
        ("a cat together with a dog", "together"),
    ],
)
def test_a_relation_is_read(text: str, expected: str) -> None:
    if expected == "together":
        assert relations(text) == {"with cat dog"}
    else:
        assert expected in relations(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("both a cat and a dog next to a tree", {"beside cat tree", "beside dog tree"}),
        ("an owl, a fox and a badger under an oak tree", {"below badger oak tree"}),
        ("a kite above a girl and a boy", {"above kite girl", "above kite boy"}),
        ("a goldfish in a bowl on a table", {"inside goldfish bowl", "on bowl table"}),
        ("a man with a dog holding an umbrella", {"with man dog", "holding dog umbrella"}),
        ("a ball next to a box on a shelf", {"on ball shelf", "on box shelf"}),
        ("a bear behind a tree and a fox in front of it", {"behind bear tree", "front fox tree"}),
    ],
)
def test_several_relations_are_read(text: str, expected: set[str]) -> None:
    assert expected <= relations(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("three red apples", [("apple", 3)]),
        ("3 dogs and a cat", [("dog", 3), ("cat", 1)]),
        ("there is one clock in the picture", [("clock", 1)]),
        ("one cat and no dog", [("cat", 1)]),
        ("a pair of shoes beside a bed", [("shoe", 2), ("bed", 1)]),
        ("a pair of scissors on a desk", [("scissors", 1), ("desk", 1)]),
        ("a couple of birds on a wire", [("bird", 2), ("wire", 1)]),
        ("a group of three people in front of a castle", [("person", 3), ("castle", 1)]),
        ("two of the four horses near a barn", [("horse", 4), ("barn", 1)]),
        ("a dozen roses in a vase", [("rose", 12), ("vase", 1)]),
        ("two glasses of water on a tray", [("glass", 2), ("tray", 1)]),
        ("a slice of pizza on a plate", [("pizza", 1), ("plate", 1)]),
        ("a box of four donuts", [("box", 1), ("donut", 4)]),
        ("a robot with green eyes", [("robot", 1), ("eye", 2)]),
        ("two mice and three geese", [("mouse", 2), ("goose", 3)]),
        ("two benchs near four buss", [("bench", 2), ("bus", 4)]),
        ("as many cats as dogs", [("cat", 3), ("dog", 3)]),
        ("two dogs and as many cats", [("dog", 2), ("cat", 2)]),
        ("fewer cats than dogs", [("cat", 2), ("dog", 3)]),
        ("more birds than fish", [("bird", 3), ("fish", 2)]),
        ("two ducks and an equal number of swans", [("duck", 2), ("swan", 2)]),
        ("the number of cats equals the number of dogs", [("cat", 3), ("dog", 3)]),
        (
            "two cups and a few forks, the number of cups is less than that of forks",
            [("cup", 2), ("fork", 3)],
        ),
        (
            "four owls with some crows, the number of owls is more than that of crows",
            [("owl", 4), ("crow", 3)],
        ),
        ("five zorbles beside a hut", [("zorble", 5), ("hut", 1)]),
        ("two hot dogs, a fire hydrant and a teddy bear",
         [("hot dog", 2), ("fire hydrant", 1), ("teddy bear", 1)]),
        ("a train station with two trains", [("train", 2)]),
        ("a village by the sea", [("house", 3)]),
        ("a sunset over mountains", [("sun", 1), ("mountain", 2)]),
    ],
)  # fmt: skip
def test_numbers_are_read(text: str, expected: list[tuple[str, int]]) -> None:
    assert things(text) == expected


@pytest.mark.parametrize(
    "text", ["many birds above a hut", "some cups on a shelf", "trees by a hut"]
)
def test_open_numbers_are_vague(text: str) -> None:
    first, second = read(text).mentions
    assert first.vague and first.count > 2
    assert (second.count, second.vague) == (1, False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a black cat on a red chair", ["a black cat", "a red chair"]),
        ("three small red apples and an orange", ["a small red apple", "an orange"]),
        ("the black and white dog beside an old umbrella",
         ["a black and white dog", "an old umbrella"]),
        ("sunglasses on a desk", ["sunglasses", "a desk"]),
        ("a glass of water on a table", ["a glass of water", "a table"]),
        ("a wizard with a long white beard holding a staff",
         ["a wizard with a long white beard", "a staff"]),
        ("a woman in a red dress on a bridge", ["a woman in a red dress", "a bridge"]),
        ("the moon behind a tower", ["the moon", "a tower"]),
        ("two dogs on the same bed", ["a dog", "a bed"]),
    ],
)  # fmt: skip
def test_a_prompt_is_what_one_draws_alone(text: str, expected: list[str]) -> None:
    assert [mention.prompt for mention in read(text).mentions] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a lighthouse in a storm", ("", "", "storm")),
        ("a bicycle in the rain", ("", "", "rain")),
        ("two foxes in a snowy forest", ("forest", "", "snow")),
        ("a castle at night", ("", "night", "")),
        ("a cowboy riding a horse in the desert at sunset", ("desert", "sunset", "")),
        ("a ship on the sea", ("sea", "", "")),
        ("a turtle under water", ("underwater", "", "")),
        ("an astronaut riding a horse in space", ("space", "", "")),
        ("a kitchen with a stove", ("room", "", "")),
        ("a mouse under a leaf while it rains", ("", "", "rain")),
        ("an airplane in the sky above a lake", ("lake", "", "")),
        ("a mountain behind a lake", ("lake", "", "")),
        ("a bear in a forest by a lake", ("forest", "", "")),
        ("a cat on a chair", ("", "", "")),
    ],
)
def test_the_ground_is_read(text: str, expected: tuple[str, str, str]) -> None:
    setting = read(text).setting
    assert (setting.place, setting.time, setting.weather) == expected
    assert bool(setting.text) == any(expected)


def test_the_words_of_the_ground_are_kept() -> None:
    assert read("a village by the sea at night").setting.text == "by the sea at night"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("watercolour of a cat on a chair", "watercolour"),
        ("a cat on a chair, oil painting, moody", "oil painting, moody"),
        ("a loose ink drawing of two owls", "loose ink drawing"),
        ("two owls on a branch in the style of van gogh", "in the style of van gogh"),
        ("a photo of a cat on a chair", "photo"),
        ("a picture of a cat on a chair", ""),
        ("a cat on a chair in watercolour", "in watercolour"),
        ("a cat on a chair, 4k, highly detailed, by Zdzislaw Beksinski",
         "4k, highly detailed, by zdzislaw beksinski"),
        ("a cat, a dog and a mouse", ""),
    ],
)  # fmt: skip
def test_style_is_cut_off(text: str, expected: str) -> None:
    sentence = read(text)
    assert sentence.style == expected
    assert sentence.mentions[0].name in ("cat", "owl")


@pytest.mark.parametrize(
    "text",
    [
        "a fox", "strawberry", "a bowl of fruit", "a cup of coffee", "a portrait of a woman",
        "oil painting of a fox, warm colours", "a fox in the style of van gogh", "a steam train",
        "a face with freckles", "a vase of flowers", "a bouquet of red roses", "mountains",
        "a running horse", "a woman with long red hair", "a man in a suit", "a lone tree",
        "a beautiful woman portrait, highly detailed, 8k", "the starry night by van gogh",
        "a stained glass window", "a hot air balloon", "a snowy mountain", "a forest", "a wave",
        "a house made of glass", "a castle, oil on canvas", "cats", "a tiger's face",
    ],
)  # fmt: skip
def test_one_thing_alone_has_no_layout(text: str) -> None:
    assert read_sentence(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "", " ", ".", "cyberpunk, neon, 4k", "the meaning of life", "love and hate",
        "un chat noir sur une chaise rouge", "die Katze auf dem Stuhl", "een kat op een stoel",
        "una gata en la silla", "猫が椅子の上にいる", "a dream within a dream",
        "Shall I compare thee to a summer's day", "on on on in the of", "blorp zib on a flurg",
        "Two roads diverged in a wood, and I took the one less travelled by",
        "a cat\non a chair\nunder a tree\nby the sea", "dramatic lighting, highly detailed",
    ],
)  # fmt: skip
def test_what_is_not_understood_has_no_layout(text: str) -> None:
    assert read_sentence(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # verbs that look like nouns, or that the lists do not have
        ("a giraffe towers beside a zebra", "beside giraffe zebra"),
        ("a sheep stands close to a horse", "beside sheep horse"),
        ("a motorcycle stands parked under a large umbrella", "below motorcycle umbrella"),
        ("a dog gribbling a hose next to a bench", "beside dog bench"),
        ("an owl zorps on a branch", "on owl branch"),
        # contractions
        ("a dog that's lying underneath a bench", "below dog bench"),
        # sides and parts of things
        ("a bicycle strapped to the roof of a car", "on bicycle car"),
        ("a car with a surfboard tied on its roof", "on surfboard car"),
        ("a dog stands on the front of a boat", "on dog boat"),
        ("a potted plant on the tank of a toilet", "on potted plant toilet"),
        ("a giraffe next to a car window", "beside giraffe car"),
        ("a cow statue next to a hydrant", "beside cow fire hydrant"),
        ("a cat under the covers of a bed", "below cat bed"),
        ("a white house with a green roof", "part house roof"),
        ("a cabin in the woods with smoke coming from the chimney", "part cabin chimney"),
        ("a cup with steam", "above steam cup"),
        ("a tree with red apples and a ladder leaning against it", "beside ladder tree"),
        # what looks at something is not in it
        ("a cat looks into a cup", "beside cat cup"),
        ("a wolf howling at the moon", "above moon wolf"),
        ("a giraffe looking over a fence", "behind giraffe fence"),
        # hands and arms
        ("a girl holding her mother's hand", "beside girl mother"),
        ("a koala hugging a tree", "front koala tree"),
        ("a panda eating an apple", "holding panda apple"),
        # what is told of whom
        ("a black cat with yellow eyes on a red roof", "on cat roof"),
        ("a penguin with a red scarf on an iceberg", "on penguin iceberg"),
        ("a bus next to a man on a bicycle", "riding man bicycle"),
        ("a tv is on a desk and next to it is a clock", "beside clock desk"),
        ("a fairy on a mushroom, fireflies around her", "around firefly fairy"),
        ("a bowl with three goldfish", "inside goldfish bowl"),
        ("a bookshelf with a skull on it and a plant beside it", "beside plant bookshelf"),
        ("a goat on a mountain, a bird above it", "above bird goat"),
        ("a scarecrow with a crow on each arm", "holding scarecrow crow"),
        ("the suitcase is open and a cat is lying on it", "on cat suitcase"),
        ("a banana, an apple and an orange lying side by side", "beside banana apple"),
        ("a dog sleeping on its bed", "on dog bed"),
        # scenery that is seen from outside
        ("a unicorn by a waterfall in a forest", "beside unicorn waterfall"),
        ("a car in front of a diner", "front car diner"),
        ("a turtle with a city on its back", "on building turtle"),
        ("a boat on a lake surrounded by mountains", "behind mountain boat"),
        ("a house between two mountains", "between house mountain mountain"),
        ("a sun behind a mountain", "behind sun mountain"),
        ("the moon behind the hills", "behind moon hill"),
        ("the moon behind a foggy mountain", "behind moon mountain"),
    ],
)
def test_kinds_of_phrases_are_read(text: str, expected: str) -> None:
    assert expected in relations(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a couple dancing under a tree", [("couple", 1), ("tree", 1)]),
        ("a couple of dogs under a tree", [("dog", 2), ("tree", 1)]),
        ("an elephant with its mother", [("elephant", 1), ("elephant", 1)]),
        ("four ducks following their mother", [("duck", 4), ("duck", 1)]),
        ("a fire hydrant spraying water onto a car", [("fire hydrant", 1), ("car", 1)]),
        ("a beach with palm trees and a hammock", [("palm tree", 3), ("hammock", 1)]),
        ("a chocolate cake and a cup", [("cake", 1), ("cup", 1)]),
        ("a sunflower taller than a house", [("sunflower", 1), ("house", 1)]),
    ],
)
def test_kinds_of_things_are_counted(text: str, expected: list[tuple[str, int]]) -> None:
    assert things(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "a face made of fruit",
        "a castle made of ice",
        "a cake shaped like a train",
        "a bunch of grapes",
        "hello darkness my old friend",
        "portrait of a cat in a renaissance dress",
        "do androids dream of electric sheep",
        "x² & ²",
    ],
)
def test_what_only_describes_names_no_second_thing(text: str) -> None:
    assert read_sentence(text) is None


def test_a_material_is_in_the_prompt() -> None:
    mask = read("a mask made of gold on a table").mentions[0]
    assert mask.prompt == "a mask made of gold"


def test_scenery_beside_a_thing_leaves_the_ground() -> None:
    assert read("two fish beneath the waves").setting.place == "underwater"
    assert read("a unicorn by a waterfall in a forest").setting.place == "forest"
    assert read("a car in front of a diner at night").setting.place == ""
