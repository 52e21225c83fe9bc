from __future__ import annotations

import pytest
import torch

from villani_verify.criteria.profiles import Profile, grows_slowly, growth_rays, profile, reference_radius, undecayed_part
from villani_verify.criteria.result import Cost
from villani_verify.errors import LandscapeError
from villani_verify.landscape import Landscape
from villani_verify.search.families import Ray, Scaling
from villani_verify.search.scan import log_spaced

BLOCKS = {"a": 2, "b": 1}
RADII = log_spaced(1.0, 1e4, 17)


def landscape(fn: object = None, **options: object) -> Landscape:
    loss = fn or (lambda t: t.square().sum())
    return Landscape.from_function(loss, 3, blocks=BLOCKS, weight_decay=0.1, **options)  # type: ignore[arg-type]


def test_a_profile_is_the_value_along_the_family() -> None:
    cost = Cost()
    found = profile(landscape(), Ray("isotropic", 0, 0), RADII, cost)
    assert found is not None
    assert found.radii == pytest.approx(RADII)
    assert found.values == pytest.approx([1.05 * r * r for r in RADII], rel=1e-12)
    assert found.coefficient == pytest.approx(1.05)
    assert found.decayed
    assert cost.num_losses == 17


def test_a_shift_moves_every_point() -> None:
    shift = {"a": torch.tensor([3.0, 0.0], dtype=torch.float64), "b": torch.tensor([-1.0], dtype=torch.float64)}
    ray = Ray("tensor", 0, 0, "origin", "b")
    found = profile(landscape(), ray, [2.0, 3.0, 4.0], Cost(), shift=shift)
    assert found is not None
    v = float(ray.direction(landscape())["b"])
    assert found.values == pytest.approx([1.05 * (9 + (v * r - 1) ** 2) for r in (2, 3, 4)])


def test_only_a_growing_decay_counts_as_decayed() -> None:
    partly = landscape(no_decay=["b"])
    inside = {n: profile(partly, Ray("tensor", 0, 0, "initial", n), RADII, Cost()) for n in BLOCKS}
    assert inside["a"] is not None
    assert inside["b"] is not None
    assert (inside["a"].decayed, inside["b"].decayed) == (True, False)


def test_a_profile_stops_where_the_loss_is_not_finite() -> None:
    ray = Ray("isotropic", 0, 0)
    wall = landscape(lambda t: torch.where(t.norm() > 50, torch.inf, t.square().sum()))
    found = profile(wall, ray, RADII, Cost())
    assert found is not None
    assert found.radii[-1] < 50
    assert len(found.radii) == sum(r < 50 for r in RADII)
    near = landscape(lambda t: torch.where(t.norm() > 2, torch.nan, t.square().sum()))
    assert profile(near, ray, RADII, Cost()) is None


def test_a_negative_loss_is_an_error_that_says_where() -> None:
    pit = landscape(lambda t: 10 - t.square().sum())
    with pytest.raises(LandscapeError, match=r"at radius 5\.623: -21\.62\d+ is negative, and the criteria need L ≥ 0"):
        profile(pit, Ray("isotropic", 0, 0), RADII, Cost())


@pytest.mark.parametrize("exponent", [1.0, 1.5, 2.0, 4.0])
def test_the_fitted_exponent_is_that_of_the_outer_decades(exponent: float) -> None:
    ray = Ray("isotropic", 0, 0)
    # A constant spoils the inner decades only.
    values = tuple(r**exponent + 5 for r in RADII)
    fit = Profile(ray, tuple(RADII), tuple(RADII), values, False).fit()
    assert fit is not None
    assert fit.exponent == pytest.approx(exponent, abs=0.02)
    assert fit.degrees_of_freedom == 7  # two of four decades: nine points, a slope and a constant


@pytest.mark.parametrize(("exponent", "slow"), [(0.5, True), (1.0, True), (1.9, True), (2.0, False), (3.0, False)])
def test_growth_is_slow_below_two_where_nothing_decays(exponent: float, slow: bool) -> None:
    partly = landscape(no_decay=["b"])
    values = tuple(r**exponent for r in RADII)
    for decayed in (False, True):
        found = Profile(Ray("tensor", 0, 0, "initial", "b"), tuple(RADII), tuple(RADII), values, decayed)
        assert grows_slowly(partly, found, 0.99) is (slow and not decayed)


@pytest.mark.parametrize(("share", "slow"), [(0.5, True), (1 - 2e-5, True), (1 - 2e-6, False), (1.0, False)])
def test_growth_is_slow_below_half_the_smallest_decay(share: float, slow: bool) -> None:
    values = tuple(0.05 * share * r**2 for r in RADII)
    found = Profile(Ray("isotropic", 0, 0), tuple(RADII), tuple(RADII), values, True)
    assert grows_slowly(landscape(), found, 0.99) is slow


def test_the_reference_radius_is_the_norm_or_one() -> None:
    assert reference_radius(landscape(initial=torch.tensor([3.0, 0, 4], dtype=torch.float64))) == 5
    assert reference_radius(landscape(initial=torch.zeros(3, dtype=torch.float64))) == 1


def test_undecayed_tensors_are_looked_at_first() -> None:
    partly = landscape(no_decay=["b"])
    rays = growth_rays(partly, 12, seed=3)
    assert len(rays) == 12
    assert rays[0].kind == "flattest"
    assert (rays[1].kind, rays[1].tensor, rays[1].base) == ("tensor", "b", "initial")
    assert {"isotropic", "anti-gradient", "sparse", "sign"} <= {r.kind for r in rays}
    assert rays == growth_rays(partly, 12, seed=3)
    assert len(set(rays)) == 12
    assert all(r.kind != "tensor" or r.tensor in BLOCKS for r in growth_rays(landscape(), 30, seed=0))


def test_the_undecayed_tensors_that_a_ray_stays_in_are_named() -> None:
    subject = Landscape.from_function(
        lambda t: t[0].square(), 6, blocks={"a": 2, "b.bias": 1, "c.bias": 2, "d.bias": 1}, weight_decay=0.1, no_decay=["*.bias"]
    )
    within = Ray("tensor", 0, 0, "initial", "c.bias")
    assert undecayed_part(subject, within) == " (parameter c.bias, weight decay 0, as on 2 others)"
    flattest = next(r for r in (Ray("sparse", s, 0) for s in range(50)) if float(r.direction(subject)["b.bias"][0]) != 0)
    assert undecayed_part(subject, flattest) == " (parameter b.bias, weight decay 0, as on 2 others)"
    assert undecayed_part(subject, Ray("isotropic", 0, 0)) == ""
    assert undecayed_part(subject, Scaling({"b.bias": 1})) == ""
    assert undecayed_part(subject.with_decay(0.0), within) == ""
    assert undecayed_part(subject.with_decay(0.1), within) == ""
