"""The loop, on fakes of a few lines: what it does, in which order, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

from vqclip.optimisation_loop import Objective, Step, View, generate


@dataclass
class FakeDrawer:
    """A picture that is its own latent."""

    said: list[str]
    latent: Tensor = field(default_factory=lambda: torch.full([1, 3, 4, 4], 0.5).requires_grad_())

    def draw(self) -> Tensor:
        self.said.append("draw")
        return self.latent * 1

    def encode(self, image: Tensor) -> None:
        self.latent.data.copy_(image)

    def clamp(self) -> None:
        self.said.append("clamp")
        self.latent.data.clamp_(0, 1)


@dataclass(frozen=True)
class FakeCut:
    pixels: Tensor

    def cut_again(self, picture: Tensor) -> Tensor:
        return picture[..., :2, :2]


@dataclass(eq=False)
class FakeCutter:
    said: list[str]
    name: str = "cut"

    def __call__(self, image: Tensor, step: int, /) -> FakeCut:
        self.said.append(self.name)
        return FakeCut(image[..., :2, :2])


@dataclass(frozen=True)
class FakePerceptor:
    said: list[str]
    cutter: FakeCutter
    name: str = "eye"
    size: int = 2

    def embed_image(self, cutouts: Tensor) -> Tensor:
        self.said.append(self.name)
        return cutouts.flatten(1)


def look(view: View) -> Tensor:
    """How bright what the eye sees is."""
    return view.embeddings["eye"].mean()


def constant(step: int) -> float:
    return 1.0


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def drawer(said: list[str]) -> FakeDrawer:
    return FakeDrawer(said)


@pytest.fixture
def eye(said: list[str]) -> FakePerceptor:
    return FakePerceptor(said, FakeCutter(said))


def descent(drawer: FakeDrawer, rate: float = 1.0) -> torch.optim.SGD:
    return torch.optim.SGD([drawer.latent], lr=rate)


def test_one_step_is_draw_cut_look_judge_move_clamp(
    said: list[str], drawer: FakeDrawer, eye: FakePerceptor
) -> None:
    def judge(view: View) -> Tensor:
        said.append("judge")
        return look(view)

    class Told(torch.optim.SGD):
        def zero_grad(self, set_to_none: bool = True) -> None:
            said.append("forget")
            super().zero_grad(set_to_none)

        def step(self, closure: None = None) -> None:  # type: ignore[override]
            said.append("move")
            super().step(closure)

    optimiser = Told([drawer.latent], lr=1.0)
    list(generate(drawer, [eye], [Objective("light", constant, judge)], optimiser, [0]))
    assert said == ["draw", "cut", "eye", "judge", "forget", "move", "clamp"]


def test_the_picture_moves_down_the_gradient_and_stays_in_range(
    drawer: FakeDrawer, eye: FakePerceptor
) -> None:
    steps = list(
        generate(
            drawer, [eye], [Objective("light", constant, look)], descent(drawer, 2.4), range(3)
        )
    )
    # The mean over 12 numbers has the gradient 1 / 12: each step is 0.2, and 0 is the end.
    assert [round(step.total(), 4) for step in steps] == [0.5, 0.3, 0.1]
    assert torch.equal(drawer.latent[..., :2, :2], torch.zeros(1, 3, 2, 2))
    assert torch.equal(drawer.latent[..., 2:, :], torch.full([1, 3, 2, 4], 0.5))  # unseen


def test_a_step_holds_what_was_judged_before_the_move(
    drawer: FakeDrawer, eye: FakePerceptor
) -> None:
    objectives = [Objective("light", constant, look), Objective("dark", lambda i: -0.5 * i, look)]
    first, second = generate(drawer, [eye], objectives, descent(drawer), [4, 9])
    assert (first.index, second.index) == (4, 9)
    assert torch.equal(first.image, torch.full([1, 3, 4, 4], 0.5))
    assert not first.image.requires_grad
    assert {name: loss.item() for name, loss in first.losses.items()} == {
        "light": 0.5,
        "dark": -1,
    }
    assert not any(loss.requires_grad for loss in first.losses.values())
    assert first.total() == -0.5
    assert second.losses["dark"].item() == pytest.approx(-4.5 * second.losses["light"].item())


def test_a_loss_may_look_at_the_picture_the_cuts_and_the_step(
    drawer: FakeDrawer, eye: FakePerceptor
) -> None:
    seen: list[View] = []

    def keep(view: View) -> Tensor:
        seen.append(view)
        return view.image.sum()

    list(generate(drawer, [eye], [Objective("all", constant, keep)], descent(drawer), [7]))
    (view,) = seen
    assert view.step == 7
    assert view.image.shape == (1, 3, 4, 4)
    assert list(view.cuts) == [eye.cutter]
    assert torch.equal(view.cuts[eye.cutter].cut_again(view.image), view.cuts[eye.cutter].pixels)
    assert set(view.embeddings) == {"eye"}


def test_perceptors_that_share_a_cutter_see_the_same_squares(
    said: list[str], drawer: FakeDrawer, eye: FakePerceptor
) -> None:
    other = FakePerceptor(said, FakeCutter(said, "another cut"), "third")
    perceptors = [eye, FakePerceptor(said, eye.cutter, "second"), other]
    list(generate(drawer, perceptors, [Objective("a", constant, look)], descent(drawer), [0]))
    assert said == ["draw", "cut", "another cut", "eye", "second", "third", "clamp"]


def test_nothing_happens_before_it_is_asked_for(
    said: list[str], drawer: FakeDrawer, eye: FakePerceptor
) -> None:
    steps = generate(drawer, [eye], [Objective("a", constant, look)], descent(drawer), range(99))
    assert said == []
    next(steps)
    assert said.count("draw") == 1


def test_two_pieces_are_one_run(eye: FakePerceptor) -> None:
    def run(*ranges: range) -> list[Step]:
        drawer = FakeDrawer([])
        optimiser = torch.optim.Adam([drawer.latent], lr=0.01)

        def pieces() -> Iterator[Step]:
            for steps in ranges:
                yield from generate(
                    drawer, [eye], [Objective("a", constant, look)], optimiser, steps
                )

        return list(pieces())

    whole, parts = run(range(6)), run(range(2), range(2, 6))
    assert [step.index for step in parts] == list(range(6))
    assert all(torch.equal(a.image, b.image) for a, b in zip(whole, parts, strict=True))


def test_gradients_stay_on_for_whoever_consumes_the_steps(
    drawer: FakeDrawer, eye: FakePerceptor
) -> None:
    for _ in generate(drawer, [eye], [Objective("a", constant, look)], descent(drawer), [0, 1]):
        assert torch.is_grad_enabled()


def test_without_steps_there_is_nothing(drawer: FakeDrawer, eye: FakePerceptor) -> None:
    assert list(generate(drawer, [eye], [], descent(drawer), [])) == []


def test_two_objectives_of_one_name_are_refused(drawer: FakeDrawer, eye: FakePerceptor) -> None:
    twice = [Objective(name, constant, look) for name in ("a", "b", "a")]
    with pytest.raises(ValueError, match=r"^objectives of the same name: a, b, a$"):
        next(generate(drawer, [eye], twice, descent(drawer), [0]))
