from __future__ import annotations

import pytest
import torch

from villani_verify.curvature.lookups import Lookups


def test_places_are_found_once_for_all_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    sorted_out = []
    original = torch.unique
    monkeypatch.setattr(torch, "unique", lambda x, **options: sorted_out.append(x.tolist()) or original(x, **options))
    lookups = Lookups()
    first, second = torch.tensor([[5, 1], [1, 0]]), torch.tensor([3, 1])
    for _ in range(2):  # two passes, each with two lookups in one matrix and one in another
        distinct, inverse = lookups.distinct("w", 0, first, None)
        assert distinct.tolist() == [0, 1, 5]
        assert torch.equal(distinct[inverse], first)
        distinct, inverse = lookups.distinct("w", 1, second, distinct)
        assert distinct.tolist() == [0, 1, 3, 5]
        assert torch.equal(distinct[inverse], second)
        assert lookups.distinct("v", 0, second, None)[0].tolist() == [1, 3]
    assert sorted_out == [[5, 1, 1, 0], [3, 1, 0, 1, 5], [3, 1]]
