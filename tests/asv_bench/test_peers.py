from __future__ import annotations

import argparse
import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from villani_verify.landscapes.request import LandscapeRequest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def peers(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "asv_bench" / "peers"))
    return importlib.import_module


FORMS = {
    "forward pass": {"seconds_per_probe": 0.25, "peak_memory_bytes": 1e9},
    "taylor": {"seconds_per_probe": 0.5, "peak_memory_bytes": 2.5e9},
    "PyHessian": {"seconds_per_probe": 1.51, "peak_memory_bytes": 4.27e9},
    "curvlinops": {"error": "ModuleNotFoundError: No module named 'curvlinops'"},
}


def trace(seconds: float, covered: int, gives_interval: bool) -> dict[str, Any]:
    return {"seconds_to_one_per_cent": seconds, "covered": covered, "gives_interval": gives_interval, "runs": [0] * 40}


TRACES = {
    "options": {"runs": 40, "matvecs": 300},
    "reference": [109.4, 0.4],
    "table": {
        "villani-verify": trace(20.0, 37, True),
        "villani-verify, Hutch++": trace(5.68, 38, True),
        "PyHessian": trace(46.0, 0, False),
        "curvlinops, Hutchinson": {"error": "ModuleNotFoundError: No module named 'curvlinops'"},
    },
}
FOUND = {
    "about": {"threads": 2, "torch": "2.13.0", "measured": "2026-11-26T05:00:00+00:00"},
    "options": {"landscape": "gpt-neo-small", "sequences": 1, "sequence_length": 32},
    "table": FORMS,
    "rows": {},
    "traces": {
        **TRACES,
        "best": {
            "taylor": {"seconds_to_one_per_cent": 5.68, "covered": 38, "gives_interval": True, "num_runs": 40},
            "PyHessian": {"seconds_to_one_per_cent": 46.0, "covered": 0, "gives_interval": False, "num_runs": 40},
        },
    },
}
TABLE = """gpt-neo-small, 1 × 32 tokens, torch 2.13.0, 2 threads, 2026-11-26.

| package | seconds a product | peak GB | seconds to 1 % true error | interval | covers |
|---|---|---|---|---|---|
| villani-verify | 0.5 | 2.50 | 5.68 | yes | 38 of 40 |
| PyHessian | 1.51 | 4.27 | 46 | no |  |
| hessian-eigenthings | not measured |  | failed |  |  |
| curvlinops | ModuleNotFoundError: No module named 'curvlinops' |  | failed |  |  |

Traces: 40 runs of 300 products each; reference 109.4 ± 0.4. “Covers” counts runs whose 95 % interval holds the reference.
"""


def test_the_table_has_a_line_for_each_package(peers: Any) -> None:
    assert peers("table").markdown(FOUND) == TABLE
    without = peers("table").markdown({**FOUND, "traces": None, "about": {**FOUND["about"], "device_name": "H100"}})
    assert "| villani-verify | 0.5 | 2.50 | not measured |  |  |" in without
    assert ", H100, 2026-11-26.\n" in without
    assert "Traces" not in without


def test_the_fastest_routine_of_a_package_counts(peers: Any) -> None:
    best = peers("table").best_routines(TRACES["table"])
    assert set(best) == {"taylor", "PyHessian"}
    assert best["taylor"] == {
        "routine": "villani-verify, Hutch++", "seconds_to_one_per_cent": 5.68, "covered": 38, "gives_interval": True, "num_runs": 40
    }  # fmt: skip


def test_the_packages_have_the_names_that_both_comparisons_give_them(peers: Any) -> None:
    packages = peers("table").PACKAGES.values()
    assert {form for form, _ in packages} <= set(peers("contenders").CONTENDERS)
    assert sorted(name for _, routines in packages for name in routines) == sorted(peers("routines").ROUTINES)


def test_the_page_keeps_what_is_around_the_table(peers: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, kept, page = peers("table"), tmp_path / "kept.json", tmp_path / "page.md"
    kept.write_text(json.dumps(FOUND))
    page.write_text(f"# Peers\n\n{table.BEGIN}\nold\n{table.END}\n\nafter\n")
    for _ in range(2):
        assert table.main(["--from", str(kept), "--docs", str(page)]) == 0
        assert page.read_text() == f"# Peers\n\n{table.BEGIN}\n\n{TABLE}\n{table.END}\n\nafter\n"
    assert TABLE in capsys.readouterr().out


@pytest.mark.parametrize(
    ("page", "kept", "message"),
    [
        ("no marks", json.dumps(FOUND), "it lacks the lines <!-- peers"),
        (None, "{", "give a file that --json wrote"),
        (None, None, "No such file or directory"),
    ],
)
def test_wrong_files_change_nothing(
    peers: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], page: str | None, kept: str | None, message: str
) -> None:
    arguments = ["--from", str(tmp_path / "kept.json")]
    if kept is not None:
        (tmp_path / "kept.json").write_text(kept)
    if page is not None:
        (tmp_path / "page.md").write_text(page)
        arguments += ["--docs", str(tmp_path / "page.md")]
    with pytest.raises(SystemExit) as ended:
        peers("table").main(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert page is None or (tmp_path / "page.md").read_text() == page


def test_the_subject_reaches_both_comparisons(peers: Any) -> None:
    subject: ModuleType = peers("subject")
    parser = argparse.ArgumentParser()
    subject.add_arguments(parser)
    given = ["--landscape=gpt-neo-125m", "--sequences=4", "--sequence-length=256", "--device=cuda", "--products=tf32"]
    options = parser.parse_args(given)
    assert parser.parse_args(subject.forwarded(options)) == options
    assert set(given) <= set(subject.forwarded(options))


def test_errors_and_coverage_are_counted(peers: Any) -> None:
    runs = [(99.0, (98.0, 101.0), 2.0), (101.0, (100.5, 103.0), 4.0), (100.0, (99.0, 100.0), 3.0)]
    row = peers("traces").summary(runs, 100.0)
    assert row["seconds"] == 3.0
    assert row["error_per_cent"] == pytest.approx((2 / 3) ** 0.5)
    assert row["seconds_to_one_per_cent"] == pytest.approx(2.0)
    assert (row["gives_interval"], row["covered"]) == (True, 2)
    assert not peers("traces").summary([(99.0, None, 1.0)], 100.0)["gives_interval"]


def test_the_first_call_is_not_timed_and_the_others_by_the_probe(peers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, lasts = [0.0], iter((100.0, 8.0, 4.0))
    monkeypatch.setattr(peers("compare").time, "perf_counter", lambda: clock[0])

    def forms(indices: range) -> list[float]:
        clock[0] += next(lasts)
        return [clock[0]] * len(indices)

    assert peers("compare").timed_calls(forms, range(4), 2) == ([2.0, 1.0], [112.0] * 4)


def test_a_gpu_is_measured_in_one_process(peers: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    monkeypatch.setitem(peers("compare").SIDE, "cpu", 64)
    made = peers("contenders").CONTENDERS
    monkeypatch.setitem(made, "curvlinops", lambda landscape: made["no such package"])
    before = torch.get_float32_matmul_precision()
    command = ["--landscape=gpt-neo-tiny", "--device=cpu", "--sizes", "1x8", "2x4", "--probes=6", "--peers-probes=2", "--calls=1"]
    try:
        assert peers("on_gpu").main([*command, f"--out={tmp_path / 'here'}"]) == 0
    finally:
        torch.set_float32_matmul_precision(before)
    names = [f"here-{size}-{kind}.json" for size in ("1x8", "2x4") for kind in ("float32", "tf32")]
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(names)
    found = json.loads((tmp_path / names[0]).read_text())
    table = found["table"]
    assert table["taylor"]["relative_error"] < 1e-9  # in float64
    assert len(found["rows"]["taylor"][0]["forms"]) == 6
    assert len(found["rows"]["reverse"][0]["forms"]) == 2
    operations = peers("compare").forward_operations(
        LandscapeRequest(landscape="gpt-neo-tiny", sequences=1, sequence_length=8).load()
    )
    for name, ceiling in (("taylor", "float32"), ("taylor, bfloat16", "bfloat16")):
        rate = 3 * operations / table[name]["seconds_per_probe"]
        assert table[name]["of_the_ceiling"] == pytest.approx(rate / found["options"]["ceilings"][ceiling])
    assert table["curvlinops"] == {"error": "KeyError: 'no such package'"}
    assert "taylor, sums of 8" not in table
    assert found["options"]["sequences"] == 1
    assert set(found["options"]["ceilings"]) == {"float32", "bfloat16"}
    assert "relative error" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["--sizes", "4"], "'4' is not of the form 4x256"),
        (["--sizes", "0x8"], "'0x8' is not of the form 4x256"),
        (["--probes=0"], "'0' is not a whole number above 0"),
        (["--landscape=nope"], "landscape 'nope': the zoo has none of that name"),
        (["--landscape=gpt-neo-tiny", "--device=nowhere"], "device 'nowhere'"),
    ],
)
def test_a_wrong_request_for_a_gpu_is_one_line(
    peers: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: list[str], message: str
) -> None:
    try:
        status = peers("on_gpu").main(["--device=cpu", *wrong, f"--out={tmp_path / 'here'}"])
    except SystemExit as ended:
        status = ended.code
    assert status == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert not list(tmp_path.iterdir())
