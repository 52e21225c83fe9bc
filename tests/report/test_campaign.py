"""The page of a campaign, from stores that are filled without measuring anything."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from villani_verify.report.campaign import campaign_page
from villani_verify.report.figures.campaign import draw_campaign
from villani_verify.runs.plan import Placed, plan_from, settings_of, units_of
from villani_verify.runs.store import Result, Store
from villani_verify.runs.tables import POINT_COLUMNS, tables_of

HOSTILE = "<script>alert(1)</script> $x_1$ & \"a\" 'b' ]]> \x01 {{ 7 * 6 }} <img src=http://x onerror=y>"
CRITERIA = ("smoothness", "differential_growth_uniform")
PLAN: dict[str, Any] = {"landscape": ["a"], "weight_decay": [0.1, 1.0], "radii": [1.0, 10.0, 100.0], "rays": 2}


def placed(name: str, decay: float, expected: Mapping[str, str] | None = None) -> Placed:
    request = {"landscape": name, "weight_decay": decay}
    return Placed(name, f"digest of {name}", request, 3, {"x": decay}, {"x": 3}, expected or {})


def verdict(unit: Any, status: str, summary: str) -> dict[str, Any]:
    p = unit.parameters
    row = {"status": status, "expected": p["expect"].get(p["criterion"]), "statistic": 2.0, "interval": [1.0, "Infinity"],
           "level": 0.99, "summary": summary}  # fmt: skip
    name = p["request"]["landscape"]
    landscape = {"name": name, "dimension": 3, "weight_decay": p["weight_decay"]["x"]}
    return {"criteria": {p["criterion"]: row}, "landscape": landscape, "seed": p["seed"]}


@pytest.fixture
def filled(tmp_path: Path) -> Callable[..., Store]:
    """Return a function that makes a store in which the loss is ½‖θ‖², but for what is told to fail."""
    count = 0

    def call(
        plan: Mapping[str, Any], names: Sequence[str] = ("a",), *, failing: Callable[[Any], str | None] = lambda unit: None,
        status: Callable[[Any], str] = lambda unit: "supported", expected: Mapping[str, str] | None = None, skip: int = 0,
        summary: str = "A sentence about Ψ_s.",
    ) -> Store:  # fmt: skip
        nonlocal count
        count += 1
        asked = plan_from(plan)
        settings = settings_of(asked, [placed(n, lam, expected) for n in names for lam in asked.weight_decay])
        store = Store.create(tmp_path / f"{count}.sqlite", settings, units_of(settings))
        for number, _ in store.pending()[skip:]:
            unit = store.unit(number)
            sentence = failing(unit)
            if sentence is not None:
                store.fail(number, sentence, 1)
                continue
            r = unit.parameters.get("r", 0.0)
            value: Any = {"engine": "exact", "dtype": "float64", "samples": [3.0]}
            if unit.kind == "gradient":
                value = {"loss": r**2 / 2, "tensors": {"x": [r**2, r**2, r**2]}}
            elif unit.kind == "criterion":
                value = verdict(unit, status(unit), summary)
            store.record(Result(number, unit, value, float(number), "somewhere"))
        return store

    return call


def page(store: Store) -> str:
    return campaign_page(store, tables_of(store.settings, store.results())).decode("utf-8")


def text_of(html: str) -> str:
    body = re.sub(r"<(style|svg|script)\b.*?</\1>", " ", html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def test_what_matters_is_said_in_order(filled):
    plan = PLAN | {"criteria": list(CRITERIA), "seeds": [0, 1], "temperature": [0.5, 1.0], "seed": 4, "level": 0.9}
    store = filled(
        plan, status=lambda u: "refuted" if u.parameters["criterion"] == CRITERIA[1] and u.parameters["seed"] else "supported",
        expected={CRITERIA[1]: "supported"},
        failing=lambda u: "memory ran out; use processes:1" if u.kind == "exact" and u.parameters["r"] == 100.0 else None,
    )  # fmt: skip
    text = text_of(page(store))
    place = 0
    for part in (
        "A campaign of measurements", "18 of 20 units finished, 2 failed; 8 points measured.",
        "2 of 8 verdicts are not as expected.", "Weight decays λ 0.1, 1".capitalize(), "0.5, 1", "2 rays of kind isotropic",
        "90 %", "quick, seed 0, 1", "seed 4", store.fingerprint(), "Verdicts", "Differential growth everywhere", "λ = 0.1",
        "✓ supported 2×", "✓ supported 1×", "✗ refuted 1×", "1 not as expected", "λ = 1", "Not as expected", "expected supported",
        "Units that failed", "memory ran out; use processes:1", "2 units, the first one is unit", "isotropic ray 0, r = 100",
        "Figures", "critical temperature s* against radius", "Ψ at s = 0.5", "points.csv , verdicts.csv",
    ):  # fmt: skip
        found = text.lower().find(part.lower(), place)
        assert found >= 0, f"{part!r} is not in the page after {text[max(0, place - 80) : place + 80]!r}"
        place = found


def test_all_is_well(filled):
    text = text_of(page(filled(PLAN | {"criteria": ["smoothness"]})))
    assert "All 14 units finished; 12 points measured." in text
    assert "2 verdicts, all as expected." in text
    assert "Units that failed" not in text
    assert "Not as expected" not in text


def test_a_part_says_what_is_still_to_be_computed(filled):
    assert "2 are still to be computed" in text_of(page(filled(PLAN, skip=2)))


def test_a_campaign_without_points_has_no_figure(filled):
    html = page(filled({"landscape": ["a"], "weight_decay": [0.1], "criteria": ["smoothness"]}))
    assert "<figure>" not in html
    assert "verdicts.csv" in html
    assert "points.csv" not in html


def test_nothing_measured_yet(filled):
    html = page(filled(PLAN, failing=lambda u: "no"))
    assert "<figure>" not in html
    assert "There are no tables yet" in html


def test_the_same_results_give_the_same_bytes(filled):
    plan = PLAN | {"criteria": ["smoothness"], "temperature": [1.0]}
    first, second = filled(plan), filled(plan)
    assert page(first) == page(second)
    changed = filled(plan, status=lambda u: "inconclusive")
    assert page(changed) != page(first)


def test_hostile_names_and_sentences_are_escaped(filled):
    plan = PLAN | {"landscape": [HOSTILE], "criteria": ["smoothness"], "temperature": [1.0]}
    store = filled(
        plan, [HOSTILE], status=lambda u: "refuted", summary=HOSTILE,
        failing=lambda u: HOSTILE if u.parameters.get("r") == 1.0 else None,
    )  # fmt: skip
    html = page(store)
    assert "<script" not in html
    assert "<img" not in html
    assert not re.search(r"\s(onerror|onload)=", re.sub(r">[^<]*<", "><", html))
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "{{ 7 * 6 }}" in html
    assert html.count("<figure>") == 2


def test_half_a_surrogate_pair_becomes_an_escape(filled):
    store = filled(PLAN | {"landscape": ["half \ud83d"], "criteria": ["smoothness"]}, ["half \ud83d"], summary="half \ud83d")
    assert "half &#55357;" in page(store)


def test_nothing_is_loaded_from_elsewhere(filled):
    html = page(filled(PLAN | {"criteria": ["smoothness"]}))
    assert not re.findall(r"""(?:src|href)=["'](?!#)""", html)
    assert "url(http" not in html
    identifiers = re.findall(r'\bid="([^"]+)"', html)
    assert len(set(identifiers)) == len(identifiers)


def row(landscape: str = "a", decay: float = 0.1, ray: int = 0, r: float = 1.0, **change: Any) -> dict[str, Any]:
    values = dict.fromkeys(POINT_COLUMNS) | {
        "landscape": landscape, "weight_decay": decay, "direction": "isotropic", "ray": ray, "r": r, "radius": r,
        "critical_temperature": r, "critical_temperature_low": r / 2, "critical_temperature_high": 2 * r,
    }  # fmt: skip
    return values | change


def test_each_landscape_has_a_figure_up_to_twelve():
    for count in (1, 12, 15):
        found = draw_campaign([row(f"landscape {i}", r=r) for i in range(count) for r in (1.0, 10.0)], level=0.95)
        assert [f.title for f in found.drawn] == [
            f"landscape {i}: critical temperature s* against radius" for i in range(min(count, 12))
        ]
        said = "Figures show the first 12 of 15 landscapes; the tables have all of them."
        assert found.left_out == ((said,) if count == 15 else ())


def test_each_weight_decay_has_a_colour_and_a_letter():
    (figure,) = draw_campaign([row(decay=lam, r=r) for lam in (1.0, 0.1) for r in (1.0, 10.0)], level=0.95).drawn
    assert [(k.role, k.letter, k.text) for k in figure.key] == [
        ("hue1", "A", "λ = 0.1, 1 ray"),
        ("hue2", "B", "λ = 1, 1 ray"),
    ]
    for role in ("hue1", "hue2"):
        assert f"var(--figure-{role}," in figure.svg
    assert "var(--figure-hue3," not in figure.svg


def test_more_weight_decays_than_colours_are_thinned_with_both_ends():
    found = draw_campaign([row(decay=float(lam), r=r) for lam in range(1, 21) for r in (1.0, 10.0)], level=0.95)
    texts = [k.text for k in found.drawn[0].key]
    assert len(texts) == 6
    assert texts[0] == "λ = 1, 1 ray"
    assert texts[-1] == "λ = 20, 1 ray"
    assert found.left_out == ("a: 6 of 20 weight decays are drawn.",)


def test_many_rays_are_thinned_and_the_figure_stays_small():
    found = draw_campaign([row(ray=i, r=10.0**k) for i in range(3000) for k in range(4)], level=0.95)
    assert found.left_out == ("a: 750 of 3,000 curves are drawn.",)
    assert len(found.drawn[0].svg) < 2_000_000


def test_points_that_are_not_finite_are_counted_and_others_drawn():
    nowhere = dict.fromkeys(("radius", "critical_temperature", "critical_temperature_low", "critical_temperature_high"))
    found = draw_campaign([row(), row(r=10.0), row(r=100.0, **nowhere), row("b", **nowhere)], level=0.95)
    assert [f.title.split(":")[0] for f in found.drawn] == ["a"]
    assert [s.split(" is not finite at ")[1] for s in found.left_out] == ["1 point; not drawn."] * 2


@pytest.mark.parametrize(
    ("critical", "part"),
    [
        ((1.0, 2.0, math.inf), "s* is infinite there"),
        ((math.inf,) * 3, "s* is infinite there"),
        ((0.0, 1.0, 2.0), "s* is zero"),
        ((1e-300, 1.0, 1e300), "bands are 95"),
    ],
)
def test_infinite_and_zero_temperatures_are_arrowheads(critical, part):
    rows = [
        row(r=r, critical_temperature=c, critical_temperature_low=c, critical_temperature_high=c)
        for r, c in zip((1.0, 10.0, 100.0), critical, strict=True)
    ]
    (figure,) = draw_campaign(rows, level=0.95).drawn
    assert part in figure.see


def test_a_band_without_an_upper_end_is_explained():
    (figure,) = draw_campaign([row(critical_temperature_high=math.inf)], level=0.95).drawn
    assert "could not be told from sampling noise" in figure.see


def test_psi_is_drawn_at_the_first_temperature():
    rows = [
        row(r=r, temperature=s, psi=sign * r, psi_low=sign * r - 1, psi_high=sign * r + 1)
        for r, sign in ((1.0, -1), (10.0, 1)) for s in (0.5, 2.0)
    ]  # fmt: skip
    critical, psi = draw_campaign(rows, level=0.95, temperatures=(0.5, 2.0)).drawn
    assert psi.title == "a: Ψ at s = 0.5 against radius"
    assert "1 temperature more" in psi.see
    assert "Dashed: the temperatures asked for." in critical.see


def test_nothing_to_draw():
    found = draw_campaign([], level=0.95)
    assert (found.drawn, found.left_out) == ((), ())
