from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import matplotlib
import pytest

from villani_verify.report import figures
from villani_verify.report.figures import draw_figures
from villani_verify.report.figures.canvas import PALETTE

SVG = "{http://www.w3.org/2000/svg}"


def drawn(results, *names):
    """Draw the figures with these names, or all of them."""
    wanted = [f"draw_{n.replace('-', '_')}" for n in names]
    found = [draw(results) for draw in figures._FIGURES if not names or draw.__name__ in wanted]
    for figure in (kept := {f.name: f for f in found if f is not None}).values():
        root = ET.fromstring(figure.svg)
        assert root.tag == SVG + "svg"
        assert root.find(SVG + "title").text == figure.title
        assert figure.see in root.find(SVG + "desc").text
        assert root.find(SVG + "metadata") is None
        assert "nan" not in " ".join(e.get("d", "") for e in root.iter()).lower()
    return kept


def texts(figure):
    return [e.text for e in ET.fromstring(figure.svg).iter(SVG + "text")]


def markers(figure, role):
    """Positions of the markers in the colour of `role`, with the shape they refer to."""
    root = ET.fromstring(figure.svg)
    uses = [u for u in root.iter(SVG + "use") if f"--figure-{role}," in u.get("style", "")]
    found = [(float(u.get("x")), float(u.get("y")), u.get("{http://www.w3.org/1999/xlink}href")) for u in uses]
    return [m for m in found if m[0] > 0]  # bands are placed at 0


def test_all_figures_of_a_complete_result_are_drawn_in_order(make_results):
    names = [f.name for f in draw_figures(make_results())]
    assert names == ["psi", "critical-temperature", "counterexample", "growth", "tails", "losses", "remainder"]


def test_text_stays_text_and_no_colour_is_fixed(make_results):
    for figure in drawn(make_results()).values():
        styles = " ".join(e.get("style", "") for e in ET.fromstring(figure.svg).iter())
        bare = re.sub(r"var\(--figure-\w+, #[0-9a-f]{6}\)", "", styles)
        assert not re.findall(r"#[0-9a-f]{6}", bare), figure.name
        assert "var(--figure-ink, " + PALETTE["ink"] in styles
        assert any("radius" in t or "step" in t or "loss" in t for t in texts(figure))


def test_no_date_and_no_address_is_in_the_svg(make_results):
    for figure in drawn(make_results()).values():
        assert not re.search(r"\d{4}-\d{2}-\d{2}", figure.svg)
        assert "matplotlib.org" not in figure.svg


def test_style_of_the_caller_is_neither_used_nor_changed(make_results):
    plain = {f.name: f.svg for f in draw_figures(make_results())}
    with matplotlib.rc_context({"font.size": 33, "svg.fonttype": "path", "lines.linewidth": 9}):
        before = dict(matplotlib.rcParams)
        assert {f.name: f.svg for f in draw_figures(make_results())} == plain
        assert dict(matplotlib.rcParams) == before


def test_dollar_signs_in_names_are_not_formulae(make_results, build):
    criteria = build.all_criteria()
    criteria["quadratic_growth"]["evidence"]["profiles"] = [build.profile("ray in $a_{b$", 1.0, decayed=False)]
    assert "ray in $a_{b$" in drawn(make_results(criteria=criteria), "growth")["growth"].key[0].text


def test_infinite_critical_temperatures_become_arrowheads_at_the_top_edge(make_results, build):
    criteria = build.all_criteria()
    points = [build.point(1.0, 1.0, 2.0), build.point(10.0, 4.0, -1.0), build.point(100.0, 9.0, 0.0)]
    criteria = {"differential_growth_rays": build.row("supported", {"families": [build.family("isotropic", points)]})}
    figure = drawn(make_results(criteria=criteria), "critical-temperature")["critical-temperature"]
    assert "Arrowheads at the top" in figure.see
    found = markers(figure, "ray")
    top = min(y for _, y, _ in found)
    shapes = {shape for *_, shape in found}
    assert len(shapes) == 2
    arrows = [m for m in found if m[2] != found[0][2]]
    assert len(arrows) == 2
    assert {y for _, y, _ in arrows} == {top}
    assert found[0][1] > top + 20


@pytest.mark.parametrize("value", ["Infinity", 0.0])
def test_critical_temperatures_without_one_positive_number(make_results, build, value):
    gradient, laplacian = (1.0, -1.0) if value == "Infinity" else (0.0, 1.0)
    points = [build.point(r, gradient, laplacian) for r in (1.0, 10.0)]
    criteria = {"differential_growth_rays": build.row("supported", {"families": [build.family("isotropic", points)]})}
    found = drawn(make_results(criteria=criteria), "critical-temperature", "psi")
    edge = "top" if value == "Infinity" else "bottom"
    assert f"Arrowheads at the {edge}" in found["critical-temperature"].see
    assert "psi" in found


def test_negative_psi_lies_below_the_zero_line(make_results, build):
    points = [build.point(1.0, 1.0, 50.0), build.point(10.0, 1e6, 50.0), build.point(100.0, 1e20, 50.0)]
    criteria = {"differential_growth_rays": build.row("supported", {"families": [build.family("isotropic", points)]})}
    figure = drawn(make_results(criteria=criteria), "psi")["psi"]
    heights = [y for _, y, _ in markers(figure, "hue1")]
    assert heights == sorted(heights, reverse=True)
    labels = texts(figure)
    assert "0" in labels
    assert any(t.startswith("−10") for t in labels)
    assert "do not contradict" in figure.see


def test_positive_psi_is_plainly_logarithmic(make_results):
    results = make_results()
    for family in results["criteria"]["differential_growth_rays"]["evidence"]["families"]:
        for p in family["points"]:
            p["laplacian"] |= {"value": -2.0, "interval": [-3.0, -1.0]}
    figure = drawn(results, "psi")["psi"]
    assert "0" not in texts(figure)
    assert "do not contradict" not in figure.see


def test_psi_uses_the_temperature_asked_for(make_results):
    figure = drawn(make_results(temperatures=[0.25, 4.0]), "psi")["psi"]
    assert "at s = 0.25" in figure.title
    assert "Ψ at s = 0.25" in texts(figure)


def test_reference_names_the_largest_decay_only_where_there_are_several(make_results):
    assert "λ²r²/s: the decay alone" in texts(drawn(make_results(), "psi")["psi"])
    mixed = make_results(landscape={"weight_decay": {"a": 0.1, "b": 0.0}})
    assert "λ²r²/s, λ the largest: the decay alone" in texts(drawn(mixed, "psi")["psi"])
    none = make_results(landscape={"weight_decay": 0.0})
    assert not any("decay alone" in t for t in texts(drawn(none, "psi")["psi"]))


def test_refuting_family_is_red_lettered_first_and_drawn_once(make_results):
    figure = drawn(make_results(), "critical-temperature")["critical-temperature"]
    assert [(k.letter, k.role) for k in figure.key] == [("A", "refuted"), ("", "ray")]
    assert figure.key[0].text.endswith("Refutes the claim.")
    assert "A" in texts(figure)
    assert len(markers(figure, "refuted")) == 3
    assert "Here it fails" in figure.failed


def test_caption_of_a_refutation_by_the_gradient_does_not_blame_the_temperature(make_results):
    results = make_results()
    results["criteria"]["differential_growth_uniform"]["witness"]["mechanism"] = "gradient"
    assert "‖∇F‖ itself does not grow" in drawn(results, "critical-temperature")["critical-temperature"].failed


def test_only_the_slowest_six_families_have_a_letter(make_results, build):
    families = [build.family(f"f{k}", [build.point(r, r**k, 1.0) for r in (1.0, 10.0)], index=k) for k in range(9)]
    criteria = {"differential_growth_uniform": build.row("supported", {"families": families})}
    key = drawn(make_results(criteria=criteria), "critical-temperature")["critical-temperature"].key
    assert [k.text for k in key] == [*(f"Go along f{k}." for k in range(6)), "3 families more (thin lines)"]


def test_counterexample_is_below_zero_at_the_temperature_of_the_witness(make_results):
    figure = drawn(make_results(), "counterexample")["counterexample"]
    assert "at s = 0.02" in figure.title
    red = [y for _, y, _ in markers(figure, "refuted")]
    grey = [y for _, y, _ in markers(figure, "ray")]
    assert min(red[:3]) > max(grey[-3:])  # y points down
    rays_missing = make_results()
    del rays_missing["criteria"]["differential_growth_rays"]
    assert "Grey" not in drawn(rays_missing, "counterexample")["counterexample"].see
    refuted = make_results()
    refuted["criteria"]["differential_growth_rays"]["status"] = "refuted"
    assert "Grey" not in drawn(refuted, "counterexample")["counterexample"].see
    assert "Grey: random rays. On them Ψ_s rises" in figure.see


def test_a_refuting_random_ray_is_red(make_results, build):
    rays = [build.family("isotropic", [build.point(r, 1.0, r) for r in (1.0, 10.0, 100.0)], index=0)]
    witness = {"kind": "bounded-family", "mechanism": "temperature", "family": rays[0]["family"], "claimed": []}
    criteria = {"differential_growth_rays": build.row("refuted", {"families": rays}, witness)}
    found = drawn(make_results(criteria=criteria), "psi", "critical-temperature")
    assert len(markers(found["psi"], "refuted")) == 3
    assert "The line is one random direction (1 ray)" in found["psi"].see
    assert "Here it fails" in found["psi"].failed
    assert [k.role for k in found["critical-temperature"].key] == ["refuted"]


def test_growth_colours_undecayed_rays_and_names_their_exponent(make_results, build):
    profiles = [build.profile("isotropic ray", 2.0, decayed=True), build.profile("ray in bias", 1.0, decayed=False)]
    evidence = {"smallest_half_decay": 0.0, "undecayed": ["bias"], "profiles": profiles}
    criteria = {"quadratic_growth": build.row("refuted", evidence, {"kind": "slow-growth", "parameters": [], "claimed": []})}
    figure = drawn(make_results(criteria=criteria), "growth")["growth"]
    assert figure.key[0].text == "ray in bias (no decay along it): F grows like ‖θ‖^1.00"
    assert figure.key[1].text == "1 other ray"
    assert "Here it fails" in figure.failed
    assert "no weight decay" in figure.see


def test_points_at_the_origin_are_left_out_of_the_profiles(make_results, build):
    through = build.profile("anti-gradient ray", 2.0, decayed=True)
    through["radius"][0] = 0.0
    criteria = build.all_criteria()
    criteria["quadratic_growth"]["evidence"]["profiles"] += [through, build.profile("isotropic ray", 2.0, decayed=True)]
    assert "growth" in drawn(make_results(criteria=criteria), "growth")


@pytest.mark.parametrize("losses", [[0.5], [0.7, 0.7, 0.7], [0.0, 1e-9, 3.0], [1e-8, 1.0, 1e9]])
def test_histograms_of_odd_samples(make_results, build, losses):
    criteria = build.all_criteria()
    criteria["gaussian_tails"]["evidence"]["losses"] = losses
    figure = drawn(make_results(criteria=criteria), "losses")["losses"]
    assert f"{len(losses)} parameter vectors" in figure.see
    assert "effective sample size 3.5" in figure.see


def test_remainders_of_zero_or_null_are_left_out_and_unfitted_orders_are_counted(make_results):
    results = make_results()
    entries = results["criteria"]["smoothness"]["evidence"]["remainder"]
    entries[0]["remainder"][-1] = 0.0
    entries[1]["remainder"][-2:] = [None, 0.0]
    entries.append({"order": 3, "step": [1.0, 0.1], "remainder": [0.0, 1e-17], "slope": None, "interval": None})
    key = drawn(results, "remainder")["remainder"].key
    assert [k.letter for k in key] == ["0", "1", "2", ""]
    assert key[0].text == "slope 1, in [0.9, 1.1]; smooth: about 1 or more"
    assert key[-1].text == "not drawn: 1 order that left too little but rounding"


def test_a_jump_gets_a_figure_of_its_own(make_results, build):
    steps = [2.0**-k for k in range(12)]
    witness = {"kind": "ray-kink", "flaw": "jump", "order": 2, "a": 0.1, "b": 0.2, "size": 0.4, "sentence": "It jumps."}
    mismatch = [{"order": i, "step": steps, "mismatch": [h ** (2 - i) if i <= 2 else None for h in steps]} for i in range(4)]
    results = make_results()
    results["criteria"]["smoothness"] |= {"status": "refuted", "witness": witness}
    results["criteria"]["smoothness"]["evidence"]["mismatch"] = mismatch
    found = drawn(results, "flaw", "remainder")
    assert {"L", "L′", "L′′"} <= set(texts(found["flaw"]))
    heights = {y for _, y, _ in markers(found["flaw"], "refuted")}
    assert max(heights) - min(heights) < 1e-6
    assert "from j = 2 on all curves have slope 2" in found["remainder"].failed


def test_numbers_at_the_ends_of_float64(make_results, build):
    points = [build.point(1e-150, 1e-300, 1e-200), build.point(1.0, 1.0, 1.0), build.point(1e150, 1e300, 1e290, spread=1e291)]
    criteria = build.all_criteria()
    criteria["differential_growth_rays"]["evidence"]["families"] = [build.family("isotropic", points)]
    assert len(drawn(make_results(criteria=criteria))) == 7


@pytest.mark.parametrize(("points", "explained"), [(1, True), (2, False)])
def test_a_family_of_which_only_the_outer_end_was_measured_is_explained(make_results, build, points: int, explained: bool) -> None:
    lone = [build.point(10.0 * r, 4.0, 1.0, spread=2.0) for r in range(1, points + 1)]
    criteria = {"differential_growth_uniform": build.row("inconclusive", {"families": [build.family("scale a", lone)]})}
    figure = drawn(make_results(criteria=criteria), "critical-temperature")["critical-temperature"]
    assert ("A point alone" in figure.see) == explained
