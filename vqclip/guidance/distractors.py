"""Distractors: ordinary things that a prompt has to win against.

A picture that pleases a perceptor is not yet recognisable: what pleases it may please as much
under other names. So a prompt is also set against foils, things that it does not name, as CLIP's
own training sets a caption against the other captions of a batch (Radford et al., 2021,
https://arxiv.org/abs/2103.00020).

There are two lists without a word in common: one that runs and drafts are held against, and one
for `vqclip.guidance.zero_shot`, whose words no run was held against. Both were chosen by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from vqclip.generate import Loss, View
from vqclip.tensors import Embedding, Scalar

SHARPNESS = 30.0  # what cosines are multiplied by; CLIP's own training ends between 14 and 100
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
    """Name the things of a list that a text does not name.

    >>> "wolf" in distractors_for("a red fox"), "wolf" in distractors_for("a grey Wolf")
    (True, False)
    """
    said = text.lower()
    return [word for word in " ".join(things.split()).split(", ") if word not in said]


def log_certainty(seen: Embedding, wanted: Embedding, foils: Embedding) -> Tensor:
    """How sure is a perceptor that pictures show what is wanted, and none of the foils?

    Args:
        seen: [N, D], rows of length 1, as are all.
        wanted: [1, D].
        foils: [F, D].

    Returns:
        [N], logarithms of probabilities.
    """
    cosines = seen @ torch.cat([wanted, foils]).T
    return (SHARPNESS * cosines).log_softmax(1)[:, 0]


def contrast_loss(
    targets: Mapping[str, list[tuple[Embedding, Embedding]]],
    weights: Mapping[str, Callable[[int], float]] | None = None,
) -> Loss:
    """Want the cutouts to be told from foils: minus the mean certainty, at least 0.

    Args:
        targets: of each perceptor, by its name: what is wanted [1, D], and its foils [F, D].
        weights: of each perceptor, at each step; 1 where there is none.
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
