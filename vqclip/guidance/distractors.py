"""Distractors: ordinary things that a prompt has to win against.

A picture that scores well for its prompt is not yet recognisable: it may score as well for other
things. So a prompt is also compared with distractors, ordinary things that it does not name, as
CLIP's own training compares a caption with the other captions of a batch (Radford et al., 2021,
https://arxiv.org/abs/2103.00020).

There are two lists, with no word in common: `OPTIMISED_AGAINST` is used by runs and drafts;
`HELD_OUT` by `vqclip.guidance.zero_shot` alone, to measure finished pictures by words that no run
was optimised against. Both were chosen by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from vqclip.optimisation_loop import Loss, View
from vqclip.tensors import Embedding, Scalar

INVERSE_TEMPERATURE = (
    30.0  # what cosines are multiplied by; CLIP's own training ends between 14 and 100
)
OPTIMISED_AGAINST = """
wolf, deer, hedgehog, squirrel, sheep, goat, donkey, zebra, kangaroo, panda, koala, rhinoceros,
crocodile, lizard, dinosaur, bat, goose, swan, eagle, peacock, flamingo, parrot, turkey, crab,
lobster, shark, jellyfish, seal, shell, caterpillar, dragonfly, ladybird, beetle, scorpion, worm,
pear, peach, plum, orange, coconut, avocado, tomato, potato, onion, corn, pepper, pumpkin, bread,
cheese, egg, sandwich, ice cream, cookie, doughnut, chocolate, sweets, wine, coffee, table, sofa,
bathtub, toilet, mirror, fridge, oven, spoon, fork, knife, scissors, pencil, paintbrush, ruler,
envelope, newspaper, telephone, computer, television, radio, microphone, trumpet, violin, ball,
dice, puzzle, balloon, gift, medal, trophy, ring, necklace, glasses, scarf, glove, sock, dress,
trousers, shirt, backpack, truck, tractor, motorcycle, helicopter, submarine, canoe, skateboard,
ladder, saw, axe, screwdriver, nail, wheel, gear, magnet, battery, light bulb, torch, fence,
tower, windmill, lighthouse, factory, skyscraper, statue, fountain, well, road, river, waterfall,
beach, desert, wave, lightning, snow, comet, planet, foot, tooth, bone, brain, man, woman, child,
king, witch, pirate, skull
"""
HELD_OUT = """
airplane, anchor, ant, apple, banana, basket, bear, bed, bee, bell, bicycle, bird, boat,
book, bottle, bridge, broom, bus, butterfly, cactus, cake, camel, camera, candle, car,
carrot, castle, cat, chair, cherry, chicken, church, city at night, clock, cloud, coat,
cow, crown, cup, dog, dolphin, door, dragon, drum, duck, ear, elephant, eye, fire, fish,
flag, flower, forest, fox, frog, ghost, giraffe, grapes, guitar, hammer, hand, hat,
heart, horse, house, island, key, kite, lamp, leaf, lemon, lion, lock, monkey, moon,
mountain, mouse, mushroom, octopus, owl, penguin, piano, pig, pizza, rabbit, rain,
rainbow, robot, rocket, rose, ship, shoe, smiling face, snake, snowman, spider, star,
sun, sword, tent, tiger, train, tree, umbrella, whale, window
"""


def distractors_for(text: str, things: str = OPTIMISED_AGAINST) -> list[str]:
    """List the distractors of a text: the things of a list that the text does not name.

    Args:
        things: names, parted by commas; `OPTIMISED_AGAINST` or `HELD_OUT`.

    >>> "wolf" in distractors_for("a red fox"), "wolf" in distractors_for("a grey Wolf")
    (True, False)
    """
    said = text.lower()
    return [word for word in " ".join(things.split()).split(", ") if word not in said]


def log_certainty(seen: Embedding, wanted: Embedding, foils: Embedding) -> Tensor:
    """The log-probability that pictures show what is wanted rather than a distractor.

    Args:
        seen: [N, D], embeddings of pictures, rows of length 1.
        wanted: [1, D], the embedding of what is wanted, of length 1.
        foils: [F, D], embeddings of distractors, rows of length 1.

    Returns:
        [N], natural logarithms, at most 0.
    """
    cosines = seen @ torch.cat([wanted, foils]).T
    return (INVERSE_TEMPERATURE * cosines).log_softmax(1)[:, 0]


def contrast_loss(
    targets: Mapping[str, list[tuple[Embedding, Embedding]]],
    weights: Mapping[str, Callable[[int], float]] | None = None,
) -> Loss:
    """The contrast loss: cross-entropy of the prompt among its distractors, 0 or more.

    The mean of minus `log_certainty` over cutouts, prompts and perceptors.

    Args:
        targets: perceptor's name → pairs of a prompt's embedding [1, D] and those of its
            distractors [F, D], rows of length 1.
        weights: perceptor's name → weight at each step; 1 where there is none.
    """
    counts = weights or {}

    def loss(view: View) -> Scalar:
        told = [
            log_certainty(view.embeddings[name], wanted, foils).mean()
            * (counts[name](view.step) if name in counts else 1.0)
            for name, pairs in targets.items()
            for wanted, foils in pairs
        ]
        return torch.neg(torch.stack(told).mean())

    return loss
