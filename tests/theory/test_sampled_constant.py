from __future__ import annotations

import pytest

from villani_verify import Landscape
from villani_verify.errors import LandscapeError, RequestError
from villani_verify.theory.constants import constants_of_landscape
from villani_verify.theory.sampled_constant import sampled_constant


def flat(dimension: int) -> Landscape:
    return Landscape.from_function(lambda x: 0 * x.sum(), dimension, weight_decay=0.5, name="flat")


def test_of_a_gaussian() -> None:
    # C_P = s/(2λ) = 2. One interval at 95 %, at a fixed seed.
    found = sampled_constant(flat(5), 2.0, steps=4000, seed=1)
    assert found.interval[0] < 2.0 < found.interval[1]
    assert found.value == pytest.approx(2.0, rel=0.3)
    assert found.as_dict()["is_lower_bound"] is True
    assert "a lower bound" in found.method


def test_constants_take_it_beyond_three_parameters() -> None:
    found = constants_of_landscape(flat(5), 2.0, measure=True, steps=4000, seed=1)
    ratios = {t.name: t for t in found.tightness}
    assert ratios["das-dutta"].ratio == pytest.approx((2 + 5 * 4) / 2, rel=0.3)
    assert not ratios["das-dutta"].violated
    assert found.as_dict()["measured"]["poincare"]["is_lower_bound"] is True


def test_chains_that_have_not_mixed_give_no_number() -> None:
    with pytest.raises(LandscapeError, match=r"not mixed.*; give more --steps"):
        sampled_constant(flat(5), 2.0, steps=140)


def test_chains_that_diverge_give_no_number() -> None:
    steep = Landscape.from_function(lambda x: (x**4).sum(), 4, weight_decay=1.0, name="steep")
    with pytest.raises(LandscapeError, match="diverge"):
        sampled_constant(steep, 200.0, steps=400)


def test_too_many_parameters_are_refused_before_any_work() -> None:
    with pytest.raises(RequestError, match="trajectories say nothing of a gap in 1,001 dimensions"):
        sampled_constant(flat(1001))
