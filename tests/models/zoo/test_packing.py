"""The packed table against arithmetic done by hand."""

from __future__ import annotations

import pytest
import torch

from vqclip.models.zoo.checkpoint_file import pack_table, unpack_tables


def test_rows_come_back_within_half_a_step_and_left_out_ones_as_zero() -> None:
    table = torch.randn(50, 8, generator=torch.Generator().manual_seed(0)).half()
    table[10:40] = 0
    packed = pack_table({"words": table, "other": torch.ones(3)}, "words")
    assert "words" not in packed
    assert packed["words.packed_values"].dtype == torch.int8
    assert packed["words.packed_values"].shape == (20, 8)
    whole = unpack_tables(packed)
    assert set(whole) == {"words", "other"}
    assert torch.equal(whole["words"][10:40], torch.zeros(30, 8))
    step = table.float().abs().amax(1, keepdim=True) / 127
    # Half a step, and the scale's own rounding (2⁻¹¹ of at most 127 steps).
    assert ((whole["words"] - table.float()).abs() <= step * (0.5 + 127 * 2**-11)).all()


def test_what_is_not_packed_is_read_as_it_is() -> None:
    tensors = {"a.weight": torch.randn(2, 2), "b": torch.zeros(1)}
    assert unpack_tables(tensors) == tensors


def test_a_missing_part_is_noticed() -> None:
    packed = pack_table({"words": torch.ones(2, 2)}, "words")
    del packed["words.packed_rows"]
    with pytest.raises(KeyError, match="words"):
        unpack_tables(packed)


def test_tiny_and_huge_rows_survive() -> None:
    table = torch.tensor([[1e-7, -1e-7], [3.0, -400.0]])
    whole = unpack_tables(pack_table({"words": table}, "words"))["words"]
    assert torch.isfinite(whole).all()
    assert torch.allclose(whole[1], table[1], rtol=2e-3, atol=400 / 254 * 1.01)
