from __future__ import annotations

import random

import pytest
import torch

from villani_verify.errors import RequestError
from villani_verify.landscape import Landscape
from villani_verify.landscapes.zoo import zoo_entry
from villani_verify.points import squared_norm
from villani_verify.search import draw
from villani_verify.search.draw import draw_families, draw_scaling, draw_symmetric, freest_scaling, tensor_blocks
from villani_verify.search.families import Ray, Scaling


@pytest.fixture(scope="module")
def tiny() -> Landscape:
    return zoo_entry("gpt-neo-tiny").make()


def blocks_landscape() -> Landscape:
    blocks = {"h.0.a": 2, "h.0.b": 2, "out": 1}
    return Landscape.from_function(lambda t: t.square().sum(), 5, blocks=blocks, weight_decay=0.1)


def test_blocks_are_what_stands_before_the_first_number() -> None:
    names = ["wte.weight", "h.0.ln.weight", "h.0.mlp.2.weight", "h.1.ln.weight", "h.10.ln.weight", "ln_f.weight"]
    assert tensor_blocks(names) == [
        ["wte.weight", "ln_f.weight"],
        ["h.0.ln.weight", "h.0.mlp.2.weight"],
        ["h.1.ln.weight"],
        ["h.10.ln.weight"],
    ]


def test_the_blocks_of_a_transformer_are_its_layers(tiny: Landscape) -> None:
    blocks = tensor_blocks(list(tiny.initial))
    assert sorted(n for b in blocks for n in b) == sorted(tiny.initial)
    assert [{n.split(".")[2] for n in b} for b in blocks if ".h." in b[0]] == [{"0"}, {"1"}]


def test_drawing_is_reproducible_and_follows_the_seed(tiny: Landscape) -> None:
    first, again, other = (list(draw_families(tiny, 60, seed=s)) for s in (7, 7, 8))
    assert first == again
    assert sum(a == b for a, b in zip(first, other, strict=True)) < 10


def test_a_longer_draw_begins_with_the_shorter(tiny: Landscape) -> None:
    assert list(draw_families(tiny, 90, seed=1))[:30] == list(draw_families(tiny, 30, seed=1))


@pytest.mark.parametrize("seed", range(3))
def test_every_family_can_be_built(tiny: Landscape, seed: int) -> None:
    families = list(draw_families(tiny, 60, seed=seed))
    assert len(families) == 60
    for family in families:
        theta = family.points(tiny)(3.0)
        assert list(theta) == list(tiny.initial)
        assert all(bool(torch.isfinite(t).all()) for t in theta.values())


def test_a_third_are_rays_with_one_of_each_kind(tiny: Landscape) -> None:
    families = list(draw_families(tiny, 90, seed=0))
    rays = [f for f in families if isinstance(f, Ray)]
    assert len(rays) == 30
    assert [r.kind for r in rays[:6]] == ["anti-gradient", "gradient", "sparse", "sign", "tensor", "top-curvature"]
    assert all((r.tensor in tiny.initial) == (r.kind == "tensor") for r in rays)


def test_after_the_last_ray_only_scalings_are_drawn(tiny: Landscape) -> None:
    families = list(draw_families(tiny, 90, seed=0, rays=4))
    assert [i for i, f in enumerate(families) if isinstance(f, Ray)] == [0, 3, 6, 9]


def test_a_single_tensor_gives_rays_only_and_small_ones_the_flattest_first() -> None:
    families = list(draw_families(Landscape.from_function(lambda t: t.square().sum(), 3), 20, seed=0, rays=4))
    assert all(isinstance(f, Ray) for f in families)
    assert families[0].as_dict()["kind"] == "flattest"


@pytest.mark.parametrize("seed", range(5))
def test_scalings_have_small_integer_exponents_and_something_grows(tiny: Landscape, seed: int) -> None:
    scalings = [f for f in draw_families(tiny, 120, seed=seed) if isinstance(f, Scaling)]
    assert len(scalings) == 80
    for s in scalings:
        assert 1 <= len(s.exponents) <= 3
        assert set(s.exponents.values()) <= {-1, 1, 2}
        assert max(s.exponents.values()) > 0
        assert len(s.zeroed) <= 1
        assert not set(s.zeroed) & set(s.exponents)


@pytest.mark.parametrize("seed", range(5))
def test_a_draw_switches_off_an_mlp_and_scales_what_feeds_it(tiny: Landscape, seed: int) -> None:
    found = []
    for f in draw_families(tiny, 120, seed=seed):
        if not isinstance(f, Scaling) or not f.zeroed or not f.zeroed[0].endswith("mlp.c_proj.weight"):
            continue
        layer = f.zeroed[0].removesuffix("mlp.c_proj.weight")
        upstream = {f"{layer}{n}" for n in ("ln_2.weight", "ln_2.bias", "mlp.c_fc.weight", "mlp.c_fc.bias")}
        if any(f.exponents.get(n, 0) > 0 for n in upstream):
            found.append(f)
    assert found


def test_a_tensor_that_is_zero_is_not_scaled() -> None:
    subject = blocks_landscape()
    subject.initial["h.0.b"].zero_()
    norms = {n: squared_norm(t) for n, t in subject.initial.items()}
    chance = random.Random(0)
    drawn = [draw_scaling(subject, norms, chance) for _ in range(50)]
    # Only where the other tensor is switched off is there nothing better to scale.
    assert all("h.0.b" not in s.exponents or s.zeroed == ("h.0.a",) for s in drawn)
    assert any(s.zeroed == ("h.0.b",) and "h.0.a" in s.exponents for s in drawn)


def test_a_stationary_point_is_drawn_from_but_has_no_gradient_ray() -> None:
    subject = Landscape.from_function(lambda t: t.square().sum(), 2, initial=torch.zeros(2, dtype=torch.float64))
    ray = next(f for f in draw_families(subject, 20, seed=0) if isinstance(f, Ray) and f.kind == "gradient")
    with pytest.raises(RequestError, match="it points nowhere"):
        ray.points(subject)


def test_symmetric_families_leave_the_loss_alone(tiny: Landscape) -> None:
    families = list(draw_symmetric(tiny, 12, seed=0))
    assert len(families) >= 12
    for family in families:
        assert max(family.exponents.values()) > 0
        assert not set(family.exponents) & set(family.zeroed)
        points = family.points(tiny)
        assert tiny.loss(points(30.0)) == pytest.approx(tiny.loss(points(1.0)), rel=1e-8)
    assert any(f.zeroed for f in families)
    assert any(not f.zeroed for f in families)


def test_symmetric_families_follow_the_seed(tiny: Landscape) -> None:
    assert list(draw_symmetric(tiny, 4, seed=1)) == list(draw_symmetric(tiny, 4, seed=1))
    assert list(draw_symmetric(tiny, 4, seed=1)) != list(draw_symmetric(tiny, 4, seed=2))
    assert list(draw_symmetric(tiny, 0, seed=1)) == []


def test_blocks_without_symmetries_give_no_families() -> None:
    assert list(draw_symmetric(blocks_landscape(), 12, seed=0)) == []


def test_all_that_feeds_only_what_is_off_is_scaled(tiny: Landscape) -> None:
    off = next(n for n in tiny.initial if n.endswith("h.0.mlp.c_proj.weight"))
    family = freest_scaling(tiny, (off,), settled=7, seed=0)
    assert family is not None
    ends = {n.split(".h.0.")[1] for n in family.exponents}
    assert {"ln_2.weight", "ln_2.bias", "mlp.c_fc.weight", "mlp.c_fc.bias"} <= ends
    assert family.settled == 7
    assert set(family.exponents.values()) == {1}
    assert freest_scaling(blocks_landscape(), ("out",), settled=7, seed=0) is None


def test_a_symmetry_in_which_all_grows_keeps_its_direction_and_its_exponents(monkeypatch: pytest.MonkeyPatch) -> None:
    grows = [{"h.0.a": 2, "h.0.b": 1}, {"h.0.b": 3}]
    monkeypatch.setattr(draw, "scaling_symmetries", lambda *args, **kwargs: grows)
    families = [f for seed in range(20) for f in draw_symmetric(blocks_landscape(), 4, seed=seed)]
    assert {tuple(f.exponents.items()) for f in families} >= {(("h.0.a", 2), ("h.0.b", 1)), (("h.0.b", 3),)}
    assert all(min(f.exponents.values()) > 0 for f in families)
    family = freest_scaling(blocks_landscape(), ("h.0.a",), settled=7, seed=0)
    assert family is not None
    assert family.exponents == {"h.0.a": 2, "h.0.b": 3}


def test_of_a_balance_either_side_may_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draw, "scaling_symmetries", lambda *args, **kwargs: [{"h.0.a": 1, "h.0.b": -1}])
    families = [f for seed in range(20) for f in draw_symmetric(blocks_landscape(), 4, seed=seed)]
    assert {f.exponents["h.0.a"] for f in families} == {1, -1}
    # What shrinks with something grows too, but is not free.
    assert freest_scaling(blocks_landscape(), ("h.0.a",), settled=7, seed=0) is None
