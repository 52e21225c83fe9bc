from __future__ import annotations

import torch

from villani_verify.curvature.addressed_probe import AddressedProbe
from villani_verify.curvature.probes import signs


def probe(place: int = 0) -> AddressedProbe:
    return AddressedProbe("w", torch.zeros(6, 5), seed=3, indices=(4, 9), place=place)


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
    one.rows(torch.tensor([3]))
    seen = one.rows_seen()
    assert seen is not None
    assert seen[0].tolist() == [0, 1, 3, 5]
    assert torch.equal(seen[1], whole[:, [0, 1, 3, 5]])


def test_noise_has_an_address_of_its_own_in_every_batch() -> None:
    drawn = [probe(place).noise(range(2), (6, 5), torch.float64) for place in (0, 1)]
    assert torch.equal(drawn[0], probe(0).noise(range(2), (6, 5), torch.float64))
    assert torch.equal(probe(0).noise(range(1, 2), (6, 5), torch.bfloat16).double(), drawn[0][1:])
    for a, b in ((drawn[0], drawn[1]), (drawn[0], probe().stacked(range(2)).double())):
        assert not torch.equal(a, b)
    assert set(drawn[0].unique().tolist()) == {-1.0, 1.0}
