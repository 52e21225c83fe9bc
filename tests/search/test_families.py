from __future__ import annotations

import json
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from villani_verify.errors import RequestError
from villani_verify.landscape import Landscape
from villani_verify.points import norm
from villani_verify.search.directions import KINDS
from villani_verify.search.families import Family, Ray, Scaling, family_of, parameters_at
from villani_verify.search.stationary import stationary_point

BLOCKS = {"h.0.a": 2, "h.0.b": 3, "c": 1}
NAMES = st.sampled_from(list(BLOCKS))


@st.composite
def rays(draw: st.DrawFn) -> Ray:
    kind = draw(st.sampled_from(list(KINDS)))
    inside = draw(NAMES) if kind == "tensor" else None
    base = draw(st.sampled_from(["origin", "initial"]))
    return Ray(kind, draw(st.integers(0, 2**63 - 1)), draw(st.integers(0, 10**6)), base, inside)


SCALINGS = st.builds(
    Scaling,
    st.dictionaries(NAMES, st.integers(-2, 3), max_size=3),
    st.lists(NAMES, max_size=2, unique=True).map(tuple),
    st.sampled_from([0, 0, 0, 5]),
)
FAMILIES = st.one_of(rays(), SCALINGS)
RADII = st.floats(-2, 4).map(lambda x: 10**x)


def landscape() -> Landscape:
    initial = torch.tensor([0.3, -1.1, 0.7, 2.0, -0.4, 0.9], dtype=torch.float64)
    return Landscape.from_function(
        lambda t: t[:3].pow(4).sum() + t.square().sum(), 6, blocks=BLOCKS, initial=initial, weight_decay=0.1
    )


@settings(deadline=None)
@given(FAMILIES)
def test_a_family_survives_json(family: Family) -> None:
    again = family_of(json.loads(json.dumps(family.as_dict())))
    assert again == family
    assert again.as_dict() == family.as_dict()


@settings(deadline=None)
@given(FAMILIES, RADII)
def test_points_depend_on_the_description_only(family: Family, r: float) -> None:
    here, there = landscape(), landscape()
    first, again = family.points(here)(r), family_of(family.as_dict()).points(there)(r)
    assert all(torch.equal(first[n], again[n]) for n in BLOCKS)
    assert all(torch.equal(here.initial[n], landscape().initial[n]) for n in BLOCKS)  # the reference point is untouched


@settings(deadline=None)
@given(SCALINGS, RADII)
def test_a_scaling_multiplies_by_powers_and_switches_off(family: Scaling, r: float) -> None:
    subject = landscape()
    theta = family.points(subject)(r)
    start = stationary_point(subject, family.zeroed, family.settled) if family.settled else subject.initial
    for n, t in start.items():
        factor = 0.0 if n in family.zeroed else r ** family.exponents.get(n, 0)
        torch.testing.assert_close(theta[n], t * factor, rtol=1e-12, atol=0)


@settings(deadline=None)
@given(st.one_of(rays().filter(lambda ray: ray.base == "origin"), SCALINGS), RADII)
def test_the_radius_is_the_norm_of_the_point(family: Family, r: float) -> None:
    subject = landscape()
    assert family.radius(subject, r) == pytest.approx(norm(family.points(subject)(r)), rel=1e-12)


@settings(deadline=None)
@given(SCALINGS.filter(lambda scaling: not scaling.settled), RADII)
def test_norms_of_the_reference_point_are_enough_for_the_radius(family: Scaling, r: float) -> None:
    subject = landscape()
    norms = {n: float(t.square().sum()) for n, t in subject.initial.items()}
    assert family.radius_from(norms, r) == pytest.approx(norm(family.points(subject)(r)), rel=1e-12)


@settings(deadline=None)
@given(rays().filter(lambda ray: ray.base == "initial"), RADII)
def test_a_ray_from_the_reference_point_moves_r_away_from_it(ray: Ray, r: float) -> None:
    subject = landscape()
    theta = ray.points(subject)(r)
    assert norm({n: theta[n] - subject.initial[n] for n in theta}) == pytest.approx(r, rel=1e-9)
    # The stated radius leaves out the angle between θ₀ and v, which moves ‖θ‖ by ‖θ₀‖ at most.
    assert abs(ray.radius(subject, r) - norm(theta)) <= norm(subject.initial)


def test_a_scaling_shares_what_it_does_not_change() -> None:
    subject = landscape()
    theta = Scaling({"h.0.a": 1}).points(subject)(3.0)
    assert theta["c"] is subject.initial["c"]
    assert theta["h.0.a"] is not subject.initial["h.0.a"]


def test_sentences_say_what_is_done() -> None:
    scaling = Scaling({"h.0.ln.weight": 1, "h.0.fc.weight": 2}, ("h.0.proj.weight",))
    assert scaling.sentence == "Set h.0.proj.weight to zero and multiply h.0.ln.weight by r, h.0.fc.weight by r^2."
    assert scaling.label == "scale ln.weight × fc.weight^2, proj.weight = 0"
    assert Scaling({"c": -1}).sentence == "Multiply c by r^-1."
    along = "a direction drawn uniformly from the sphere"
    assert Ray("isotropic", 0, 0).sentence == f"From the origin, move a distance r along {along}."
    inside = Ray("tensor", 0, 0, "initial", "c")
    assert inside.sentence == "From the reference point, move a distance r along a random direction within c."
    assert inside.label == "ray in c"


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "tensor"])
def test_every_kind_of_ray_is_described(kind: str) -> None:
    assert Ray(kind, 0, 0).sentence != f"From the origin, move a distance r along {kind}."
    assert Ray(kind, 0, 0).label == f"{kind} ray"


def test_names_the_landscape_has_not_are_refused() -> None:
    with pytest.raises(RequestError, match=r"scaling of tensor 'x': landscape 'function' has none of that name"):
        Scaling({"c": 1, "x": 1}).points(landscape())
    with pytest.raises(RequestError, match=r"scaling of tensor 'y'"):
        Scaling({"c": 1}, ("y",)).points(landscape())
    with pytest.raises(RequestError, match=r"direction within tensor 'x'"):
        Ray("tensor", 0, 0, "origin", "x").points(landscape())
    with pytest.raises(RequestError, match=r"family of kind 'sideways': unknown; it is one of isotropic"):
        Ray("sideways", 0, 0).points(landscape())


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ({"type": "spiral"}, r"family of type 'spiral': unknown; it is 'ray', 'scaling' or 'listed'"),
        ({}, r"KeyError 'type'; give a witness"),
        ({"type": "ray", "kind": "sign"}, r"KeyError 'base'"),
        ({"type": "ray", "kind": "sign", "seed": "x", "index": 0, "base": "origin"}, r"ValueError"),
        ({"type": "ray", "kind": "sign", "seed": 0, "index": 0, "base": "elsewhere"}, r"elsewhere"),
        ({"type": "scaling", "exponents": [1], "zeroed": []}, r"AttributeError"),
        ({"type": "scaling", "exponents": {"c": 1}, "zeroed": None}, r"TypeError"),
        ({"type": "scaling", "exponents": {"c": 1}, "zeroed": [], "settled": "x"}, r"ValueError"),
        ({"type": "scaling", "exponents": {"c": 1}, "zeroed": [], "settled": -5}, r"settled: -5 steps of descent is not between"),
        ({"type": "scaling", "exponents": {"c": 1}, "zeroed": [], "settled": 10**9}, r"between 0 and 100000"),
        ({"type": "listed", "radii": [1.0], "points": [["x"]]}, r"ValueError"),
        (["ray"], r"TypeError"),
    ],
)
def test_what_is_no_family_is_refused_in_one_line(description: dict[str, object], message: str) -> None:
    with pytest.raises(RequestError, match=message) as caught:
        family_of(description)
    assert "\n" not in str(caught.value)


def test_a_vanishing_gradient_gives_no_direction() -> None:
    flat = Landscape.from_function(lambda t: 0 * t.sum() + 1, 2)
    with pytest.raises(RequestError, match=r"direction of norm 0\.0: it points nowhere"):
        Ray("gradient", 0, 0).points(flat)
    assert math.isclose(norm(Ray("isotropic", 0, 0).points(flat)(2.0)), 2.0)


@settings(deadline=None)
@given(FAMILIES, st.lists(RADII, min_size=1, max_size=3))
def test_the_norm_at_the_parameter_of_a_radius_is_that_radius(family: Ray | Scaling, radii: list[float]) -> None:
    here = landscape()
    for radius, r in zip(radii, parameters_at(here, family, radii), strict=True):
        first = family.radius(here, 1.0)
        if r is None:
            assert family.radius(here, 1e12) < radius
        elif first < radius:
            assert r > 1
            assert family.radius(here, r) == pytest.approx(radius, rel=1e-9)
        elif isinstance(family, Ray):
            assert r == 1


def test_norms_that_are_known_are_not_computed_again() -> None:
    family = Scaling({"c": 2})
    known = {"h.0.a": 9.0, "h.0.b": 7.0, "c": 1.0}
    assert parameters_at(landscape(), family, [5.0, 3.0], squared_norms=known) == pytest.approx([math.sqrt(3.0), 1.0])
    # 17 + 8² = 9²
    ray = Ray("isotropic", 0, 0, "initial")
    assert parameters_at(landscape(), ray, [9.0], squared_norms=known) == pytest.approx([8.0])
    assert parameters_at(landscape(), Ray("isotropic", 0, 0, "origin"), [9.0], squared_norms=known) == [9.0]
