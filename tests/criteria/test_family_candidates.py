from __future__ import annotations

import pytest
import torch

from villani_verify.criteria.family_candidates import Candidate, gradient_growth
from villani_verify.criteria.result import Cost
from villani_verify.landscape import Landscape
from villani_verify.search.families import Scaling


def test_gradients_that_grow_have_positive_exponents() -> None:
    landscape = Landscape.from_function(lambda t: (1 + t.prod()).square(), 2, blocks={"a": 1, "b": 1})
    ones = landscape.at({n: torch.ones_like(t) for n, t in landscape.initial.items()})
    found = gradient_growth(ones, Candidate(Scaling({"b": 1}, ("a",)), 1.0, 10.5, 0, 1, 0), Cost())
    # At a = 0, b = r the gradient is (2r, 0).
    assert found == pytest.approx(2.0)
