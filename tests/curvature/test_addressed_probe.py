from __future__ import annotations

import torch

from villani_verify.curvature.addressed_probe import AddressedProbe
from villani_verify.curvature.probe_signs import PATTERNS
from villani_verify.curvature.probes import signs


def probe() -> AddressedProbe:
    return AddressedProbe("w", torch.zeros(6, 5), seed=3, indices=(4, 9))


def test_signs_are_those_of_the_address() -> None:
    assert (probe().count, probe().numbers) == (2, 30)
    expected = torch.stack([signs("w", (6, 5), seed=3, index=k, like=torch.zeros(())) for k in (4, 9)])
    assert torch.equal(probe().stacked(range(2)), expected)
    assert torch.equal(probe().stacked(range(1, 2)), expected[1:])


def test_rows_are_remembered_each_once_and_in_order() -> None:
    one = probe()
    assert one.rows_seen() is None
    places = torch.tensor([[5, 1], [1, 0]])
    whole = one.stacked(range(2))
    assert torch.equal(one.rows(places), whole[:, places])
    assert torch.equal(one.rows(torch.tensor([3])), whole[:, [3]])
    seen = one.rows_seen()
    assert seen is not None
    assert seen[0].tolist() == [0, 1, 3, 5]
    assert torch.equal(seen[1], whole[:, [0, 1, 3, 5]])


def test_tall_matrices_have_patterns() -> None:
    tall = AddressedProbe("w", torch.zeros(PATTERNS + 1, 2), seed=3, indices=(4, 9))
    patterned = tall.patterned(torch.bfloat16)
    assert patterned is not None
    assert torch.equal(patterned.dense().float(), tall.stacked(range(2)))
    assert torch.equal(tall.rows(torch.tensor([PATTERNS, 0])), tall.stacked(range(2))[:, [PATTERNS, 0]])
    assert probe().patterned(torch.float32) is None


def test_a_matrix_acts_itself() -> None:
    assert probe().noise(range(2), (3, 3)) is None
