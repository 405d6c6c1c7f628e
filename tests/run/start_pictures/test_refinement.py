"""The refinement of drafts, with the starter's CLIP."""

from __future__ import annotations

import torch

from vqclip.guidance.perceptor import load_perceptor
from vqclip.run.start_pictures import refinement


def test_steps_are_shared_among_the_kinds_of_things() -> None:
    found = [refinement.share_steps(kinds) for kinds in (1, 2, 3, 5, 20)]
    assert found == [36, 30, 20, 12, 12]


def test_a_thing_is_refined_and_its_ground_stays() -> None:
    draft = torch.ones(1, 3, 64, 64)
    draft[:, 1:, 16:48, 16:48] = 0.2  # a red square on white
    guide = load_perceptor("starter")
    one, two = (refinement.refine_draft(draft, "a red heart", [guide], 3, s) for s in (1, 1))
    assert torch.equal(one, two) and one.shape == (1, 3, 128, 128)
    assert 0 <= float(one.min()) <= float(one.max()) <= 1
    start = torch.nn.functional.interpolate(draft, [128, 128], mode="bilinear", antialias=True)
    changed = (one - start).abs().amax(1)[0]
    assert float(changed[40:88, 40:88].mean()) > 0.01
    assert float(changed[:16].max()) < 1e-5
    other = refinement.refine_draft(draft, "a red heart", [guide], 3, 2)
    assert not torch.equal(one, other)
