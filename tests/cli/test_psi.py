from __future__ import annotations

import json

import pytest

# The bowl of the landscapes file: F = (1 + λ/2)‖θ‖² with λ = 0.1 and d = 2, so ∇F = 2.1 θ and ΔF = 4.2.
SLOPE, LAPLACIAN = 2.1, 4.2


def test_closed_form_of_a_bowl(run, landscapes):
    where = ("--radius", "3", "--radius", "10", "--temperature", "0.5", "--temperature", "1")
    outcome = run("psi", "--landscape", f"{landscapes}:bowl", *where, "--json", "-")
    assert outcome.status == 0
    measured = json.loads(outcome.out)
    assert measured["dimension"] == 2
    for point, radius in zip(measured["points"], (3.0, 10.0), strict=True):
        squared = (SLOPE * radius) ** 2
        assert point["radius"] == pytest.approx(radius, rel=1e-12)
        assert point["loss"] == pytest.approx(radius**2, rel=1e-12)
        assert point["gradient_norm_squared"] == pytest.approx(squared, rel=1e-12)
        assert point["laplacian"]["value"] == pytest.approx(LAPLACIAN, rel=1e-12)
        assert point["critical_temperature"]["value"] == pytest.approx(squared / LAPLACIAN, rel=1e-12)
        for row, s in zip(point["psi"], (0.5, 1.0), strict=True):
            assert row["temperature"] == s
            assert row["value"] == pytest.approx(squared / s - LAPLACIAN, rel=1e-12)


def test_json_has_the_fields_that_other_tools_read(run, landscapes):
    measured = json.loads(run("psi", "--landscape", f"{landscapes}:bowl", "--num-probes", "12", "--json", "-").out)
    assert {"points", "dimension", "engine", "seconds", "seconds_per_probe", "peak_memory_bytes"} <= set(measured)
    point = measured["points"][0]
    assert {"radius", "loss", "gradient_norm_squared", "laplacian", "psi", "critical_temperature"} <= set(point)
    assert {"value", "standard_error", "num_matvecs"} <= set(point["laplacian"])
    assert point["laplacian"]["num_matvecs"] == 12
    assert {"value", "interval"} <= set(point["critical_temperature"])
    assert {"temperature", "value", "interval"} <= set(point["psi"][0])


def test_table_shows_each_radius_and_temperature(run, landscapes, tmp_path):
    where = ("--radius", "10", "--temperature", "0.5")
    outcome = run("psi", "--landscape", f"{landscapes}:bowl", *where, "--json", tmp_path / "psi.json")
    assert outcome.status == 0
    for part in ("bowl: 2 parameters", "‖∇F‖²", "441", "105", "877.8", "exact"):
        assert part in outcome.out
    assert json.loads((tmp_path / "psi.json").read_text(encoding="utf-8"))["points"][0]["radius"] == pytest.approx(10)


def test_engines_and_seeds_are_passed_on(run, landscapes):
    for engine in ("reverse", "forward-over-reverse"):
        outcome = run("psi", "--landscape", f"{landscapes}:bowl", "--engine", engine, "--seed", "3", "--json", "-")
        assert json.loads(outcome.out)["engine"] == engine


def test_methods_are_passed_on(run):
    for method, shown in (("hutchinson", "hutchinson, taylor"), ("hutch++", "hutch++ with 16 dimensions, taylor")):
        where = ("--landscape", "gpt2-tiny", "--sequences", "2", "--sequence-length", "12")
        outcome = run("psi", *where, "--target-relative-error", "0.3", "--method", method, "--json", "-")
        assert outcome.status == 0
        assert json.loads(outcome.out)["points"][0]["laplacian"]["method"] == shown


def test_relative_error_is_reached(run):
    outcome = run("psi", "--landscape", "gpt-neo-tiny", "--target-relative-error", "0.3", "--json", "-")
    assert outcome.status == 0
    laplacian = json.loads(outcome.out)["points"][0]["laplacian"]
    assert laplacian["num_matvecs"] >= 10


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--radius", "0"], ("radius 0", "positive")),
        (["--radius", "nan"], ("radius nan", "positive")),
        (["--num-probes", "1"], ("probes 1", "at least 2")),
        (["--target-relative-error", "2"], ("target relative error 2", "between 0 and 1")),
        (["--temperature", "-1"], ("temperature -1", "positive")),
        (["--engine", "revers"], ("engine 'revers'", "'reverse'")),
    ],
)
def test_options_out_of_range(run, landscapes, arguments, parts):
    outcome = run("psi", "--landscape", f"{landscapes}:bowl", *arguments)
    assert outcome.status == 2
    assert outcome.out == ""
    for part in parts:
        assert part in outcome.err.splitlines()[-1]
