"""Campaigns compute a loss once for all weight decays: no loss of the zoo may depend on its own."""

from __future__ import annotations

import pytest

from villani_verify.landscapes.digest import loss_digest
from villani_verify.landscapes.request import LandscapeRequest
from villani_verify.landscapes.zoo import ZOO


@pytest.mark.parametrize("name", [name for name in ZOO if name != "gpt-neo-125m"])
def test_the_loss_does_not_depend_on_the_weight_decay(name: str) -> None:
    usual, other = (LandscapeRequest(landscape=name, weight_decay=lam).load() for lam in (None, 0.37))
    assert loss_digest(usual) == loss_digest(other)
    point = {n: 1.7 * t + 0.1 for n, t in usual.initial.items()}
    assert usual.loss(point) == other.loss(point)
