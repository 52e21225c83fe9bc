from __future__ import annotations

import math

import pytest
import torch
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from villani_verify import Landscape
from villani_verify.errors import RequestError
from villani_verify.points import norm
from villani_verify.search.directions import KINDS
from villani_verify.search.families import Ray, Scaling
from villani_verify.testing import strategies as s

BLOCKS = {"h.0.mlp.weight": 4, "h.0.mlp.bias": 2, "h.1.mlp.weight": 4, "head": 2}
MANY = settings(
    parent=settings.get_profile("default"), max_examples=300, derandomize=True, database=None, deadline=None,
    suppress_health_check=[HealthCheck.too_slow], phases=[Phase.generate],
)  # fmt: skip


def bowl(initial: torch.Tensor | None = None) -> Landscape:
    return Landscape.from_function(lambda x: (x - 2).square().sum(), 12, weight_decay=0.1, blocks=BLOCKS, initial=initial)


def network() -> Landscape:
    """Two matrices in one module, so that a branch can be switched off."""
    module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1)).double()
    with torch.no_grad():
        for i, p in enumerate(module.parameters()):
            p.copy_(torch.linspace(0.1, 1.0 + i, p.numel(), dtype=torch.float64).reshape(p.shape))
    batch = (torch.ones(2, 2, dtype=torch.float64), torch.zeros(2, 1, dtype=torch.float64))
    return Landscape.from_module(module, torch.nn.functional.mse_loss, [batch], weight_decay=0.1)


def every_draw(strategy: st.SearchStrategy) -> list:
    drawn: list = []

    @MANY
    @given(strategy)
    def collect(value: object) -> None:
        drawn.append(value)

    collect()
    return drawn


@pytest.mark.parametrize(
    ("strategy", "low", "high"), [(s.log_radii(), 0.1, 1e3), (s.weight_decays(), 1e-4, 10.0), (s.temperatures(), 1e-4, 1e4)]
)
def test_positive_numbers_cover_their_range_and_shrink_to_one(strategy: st.SearchStrategy[float], low: float, high: float) -> None:
    drawn = every_draw(strategy)
    # The ends are exact powers of ten up to rounding of 10^x.
    assert all(low * (1 - 1e-12) <= x <= high * (1 + 1e-12) for x in drawn)
    # 65 to 129 values, 300 draws: both outer quarters are met.
    logs = [math.log10(x) for x in drawn]
    width = math.log10(high / low)
    assert min(logs) < math.log10(low) + width / 4
    assert max(logs) > math.log10(high) - width / 4
    assert find(strategy, lambda x: True) == 1.0


def test_range_without_zero_shrinks_to_its_nearest_end() -> None:
    assert find(s.log_radii(2, 3), lambda x: True) == pytest.approx(100)
    assert find(s.log_radii(-3, -2), lambda x: True) == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("low", "high", "message"),
    [(3, 1, "exponents 3 to 1: there is no sixteenth"), (0.01, 0.02, "move them apart"), (math.nan, 1, "they are not finite")],
)
@pytest.mark.parametrize("strategy", [s.log_radii, s.weight_decays, s.temperatures])
def test_impossible_exponents(strategy, low: float, high: float, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        strategy(low, high)


def test_seeds_are_non_negative_and_shrink_to_zero() -> None:
    assert all(0 <= seed < 2**32 for seed in every_draw(s.seeds()))
    assert find(s.seeds(), lambda seed: True) == 0


def test_rays_of_every_kind_are_drawn_and_built() -> None:
    landscape = bowl()
    drawn = every_draw(s.rays(landscape))
    assert {ray.kind for ray in drawn} == set(KINDS)
    assert {ray.base for ray in drawn} == {"origin", "initial"}
    assert {ray.tensor for ray in drawn} == {None, *BLOCKS}
    for ray in drawn:
        assert norm(ray.direction(landscape)) == pytest.approx(1, rel=1e-12)
        assert (ray.tensor is not None) == (ray.kind == "tensor")


def test_rays_shrink_to_seed_zero_and_the_origin() -> None:
    assert find(s.rays(bowl()), lambda ray: ray.kind == "isotropic") == Ray("isotropic", 0, 0, "origin")
    assert find(s.rays(bowl()), lambda ray: ray.kind == "tensor") == Ray("tensor", 0, 0, "origin", "h.0.mlp.weight")


def test_gradient_rays_are_left_out_where_the_gradient_vanishes() -> None:
    # ∇F = 2(x − 2) + 0.1 x vanishes at x = 4/2.1; rounding must not leave a direction, so a point where it is exact: λ = 0, x = 2.
    flat = Landscape.from_function(lambda x: (x - 2).square().sum(), 2, initial=torch.full((2,), 2.0, dtype=torch.float64))
    assert set(KINDS) - set(s.ray_kinds(flat)) == {"gradient", "anti-gradient"}


def test_kinds_that_need_a_large_hessian_are_left_out() -> None:
    large = Landscape.from_function(lambda x: (x - 2).square().sum(), 65, weight_decay=0.1)
    assert set(KINDS) - set(s.ray_kinds(large)) == {"flattest"}


def test_chosen_kinds_and_bases() -> None:
    drawn = every_draw(s.rays(bowl(), kinds=("sign",), bases=("initial",)))
    assert {(ray.kind, ray.base) for ray in drawn} == {("sign", "initial")}


def test_unknown_kind_and_nothing_to_draw_from() -> None:
    with pytest.raises(RequestError, match=r"ray of kind 'isotropc': unknown; .*did you mean 'isotropic'"):
        s.rays(bowl(), kinds=("isotropc",))
    with pytest.raises(RequestError, match="no kind or no base to draw from"):
        s.rays(bowl(), kinds=())
    with pytest.raises(RequestError, match="no kind or no base to draw from"):
        s.rays(bowl(), bases=())


@pytest.mark.parametrize("landscape", [bowl(), network()], ids=["bowl", "network"])
def test_scalings_grow_and_give_each_tensor_one_role(landscape: Landscape) -> None:
    drawn = every_draw(s.scalings(landscape))
    for scaling in drawn:
        assert set(scaling.exponents.values()) <= {-1, 0, 1, 2}
        assert max(scaling.exponents.values()) >= 1
        assert not set(scaling.exponents) & set(scaling.zeroed)
        assert set(scaling.exponents) | set(scaling.zeroed) <= set(landscape.initial)
        assert len(scaling.exponents) <= 5
        assert scaling.radius(landscape, 1e6) > scaling.radius(landscape, 1e5)
    assert any(-1 in scaling.exponents.values() for scaling in drawn)
    assert any(0 in scaling.exponents.values() for scaling in drawn)
    assert any(scaling.zeroed for scaling in drawn)


def test_scalings_switch_a_branch_off() -> None:
    landscape = network()
    wanted = Scaling({"0.weight": 1}, ("2.weight",))
    assert find(s.scalings(landscape), lambda drawn: drawn == wanted, settings=settings(MANY, max_examples=2000)) == wanted


def test_scalings_shrink_to_one_tensor_with_exponent_one() -> None:
    smallest = find(s.scalings(bowl()), lambda scaling: True)
    assert list(smallest.exponents.values()) == [1]
    assert smallest.zeroed == ()
    found = find(s.scalings(bowl()), lambda scaling: scaling.exponents.get("head", 0) > 0 and bool(scaling.zeroed))
    assert len(found.exponents) == 1
    assert len(found.zeroed) == 1


def test_tensors_that_are_zero_do_not_count_as_growing() -> None:
    initial = torch.ones(12, dtype=torch.float64)
    initial[:4] = 0
    landscape = bowl(initial)
    assert all(scaling.radius(landscape, 1e6) > 1e5 for scaling in every_draw(s.scalings(landscape)))


def test_nothing_to_scale_at_a_zero_reference_point() -> None:
    zero = bowl(torch.zeros(12, dtype=torch.float64))
    with pytest.raises(RequestError, match="its reference point is zero; draw rays instead"):
        s.scalings(zero)
    assert all(isinstance(family, Ray) for family in every_draw(s.families(zero)))


def test_families_are_rays_and_scalings() -> None:
    drawn = every_draw(s.families(bowl()))
    scalings = sum(isinstance(family, Scaling) for family in drawn)
    # Fewer rays, as there are fewer different ones; the draw is derandomised, so this cannot flake.
    assert 150 <= scalings <= 275
    assert isinstance(find(s.families(bowl()), lambda family: True), Ray)


def test_points_are_deterministic_and_leave_torch_alone() -> None:
    landscape = bowl()
    before = torch.random.get_rng_state()
    drawn = every_draw(s.points(landscape, max_exponent=1))
    first = [p.build(landscape) for p in drawn[:20]]
    torch.manual_seed(1234)
    second = [p.build(landscape) for p in drawn[:20]]
    assert all(torch.equal(a[n], b[n]) for a, b in zip(first, second, strict=True) for n in landscape.initial)
    torch.random.set_rng_state(before)
    every_draw(s.points(landscape))
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_point_is_that_of_its_family() -> None:
    landscape = bowl()
    theta = s.FamilyPoint(Scaling({"head": 2}, ("h.0.mlp.bias",)), 3.0).build(landscape)
    assert torch.equal(theta["head"], 9 * landscape.initial["head"])
    assert torch.equal(theta["h.0.mlp.bias"], torch.zeros(2, dtype=torch.float64))
    assert torch.equal(theta["h.1.mlp.weight"], landscape.initial["h.1.mlp.weight"])


def test_modules_of_any_depth() -> None:
    names = ["h.0.mlp.a", "h.0.mlp.b", "h.0.norm", "h.1.mlp.a", "head"]
    assert s.name_modules(names) == [
        ("h.0.mlp.a", "h.0.mlp.b"),
        ("h.0.mlp.a", "h.0.mlp.b", "h.0.norm"),
        ("h.0.mlp.a", "h.0.mlp.b", "h.0.norm", "h.1.mlp.a"),
        tuple(names),
    ]
    assert s.name_modules(["theta"]) == [("theta",)]
