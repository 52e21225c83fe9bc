from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from villani_verify import replay
from villani_verify.landscapes.request import LandscapeRequest
from villani_verify.pytest_plugin import device_of_worker, replay_lines, visible_devices

ROOT = Path(__file__).resolve().parents[2]

# Claimed to hold everywhere, but L = √(1 + ‖θ‖²) without decay grows only linearly.
FALSE_LANDSCAPE = """
from villani_verify import Landscape

def factory():
    return Landscape.from_function(
        lambda x: (1 + x.square().sum()).sqrt(), 3, name="false", expected={"quadratic_growth": "supported"}
    )

def broken():
    raise ValueError("no such thing")
"""


def run(directory: Path, *arguments: str, plugin: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in a process of its own, with the plugin whether or not the package is installed."""
    from importlib.metadata import entry_points

    installed = any(e.value == "villani_verify.pytest_plugin" for e in entry_points(group="pytest11"))
    named = ["-p", "villani_verify.pytest_plugin"] if plugin and not installed else []
    # These tests may run in an xdist worker, which their own runs must not take themselves for.
    outside = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_XDIST")}
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", ".", *named, *arguments],
        cwd=directory, capture_output=True, text=True, timeout=240,
        env={**outside, "PYTHONPATH": path, **environment},
    )  # fmt: skip


@pytest.fixture
def false_landscape(tmp_path: Path) -> str:
    tmp_path.joinpath("false.py").write_text(FALSE_LANDSCAPE)
    return f"{tmp_path / 'false.py'}:factory"


@pytest.mark.parametrize(
    ("module", "workers"),
    [("test_quadratic_growth", "1"), ("test_gaussian_tails", "0"), ("test_differential_growth_uniform", "0")],
)
def test_a_false_claim_prints_a_line_that_reproduces_it(tmp_path: Path, false_landscape: str, module: str, workers: str) -> None:
    found = run(
        tmp_path, str(ROOT / "properties" / f"{module}.py"), "--villani-landscape", false_landscape, "-n", workers, "-k", "no_",
        "--hypothesis-profile=pr",
    )  # fmt: skip
    assert found.returncode == 1, found.stdout + found.stderr
    lines = [line for line in found.stdout.splitlines() if line.startswith("villani-verify replay ")]
    assert len(lines) == 1, found.stdout
    assert "replay this counterexample" in found.stdout
    words = shlex.split(lines[0])
    witness = json.loads(words[2])
    assert words[3:] == ["--landscape", false_landscape]
    assert witness["request"]["landscape"] == false_landscape
    landscape = LandscapeRequest.from_dict(witness["request"]).load()
    assert replay(witness, landscape).reproduced
    # A landscape that does grow does not reproduce it: the replay can fail.
    assert not replay(witness, landscape.with_decay(1.0)).reproduced


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--villani-landscape", "gpt-neo-tini"], r"'gpt-neo-tini': the zoo has none of that name; did you mean 'gpt-neo-tiny'"),
        (["--villani-landscape", "double-well", "--villani-weight-decay", "-1"], r"weight decay -1.0: it is not a finite number"),
        (["--villani-landscape", "double-well", "--villani-device", "quantum"], r"device 'quantum': there is no such device"),
        (["--villani-landscape", "double-well", "--villani-dtype", "float61"], r"dtype 'float61': not one of float32, float64"),
        (["--villani-landscape", "double-well", "--villani-no-decay", "x*"], r"no-decay pattern 'x\*': no parameter is called so"),
        (["--villani-model", "./nowhere"], r"model directory '(\./)?nowhere': it does not exist"),
    ],
)
def test_a_wrong_request_is_one_line_and_status_four(tmp_path: Path, arguments: list[str], message: str) -> None:
    tmp_path.joinpath("test_any.py").write_text("def test_any(villani_landscape): pass")
    found = run(tmp_path, *arguments)
    assert found.returncode == 4, found.stdout + found.stderr
    errors = [line for line in (found.stdout + found.stderr).splitlines() if line.startswith("ERROR: ")]
    assert len(errors) == 1
    assert re.search(message, errors[0])
    assert "Traceback" not in found.stdout + found.stderr


def test_a_factory_that_raises_is_one_line_also_with_workers(tmp_path: Path, false_landscape: str) -> None:
    tmp_path.joinpath("test_any.py").write_text("def test_any(villani_landscape): pass")
    found = run(tmp_path, "--villani-landscape", false_landscape.replace(":factory", ":broken"), "-n", "1")
    assert found.returncode == 4
    assert "ERROR: landscape" in found.stderr + found.stdout
    assert "the factory raised ValueError: no such thing; mend it" in found.stderr + found.stdout


SHOW = """
def test_show(villani_landscape, villani_seed):
    landscape = villani_landscape
    print("SHOWN", landscape.name, landscape.decay, landscape.dtype, len(landscape.batches[0]), villani_seed)
"""


def test_options_reach_the_landscape(tmp_path: Path) -> None:
    tmp_path.joinpath("test_show.py").write_text(SHOW)
    found = run(
        tmp_path, "-s", "--villani-landscape", "gpt2-tiny", "--villani-sequences", "3", "--villani-sequence-length", "9",
        "--villani-weight-decay", "0.25", "--villani-no-decay", "*.bias", "--villani-dtype", "float32", "--villani-seed", "7",
    )  # fmt: skip
    assert found.returncode == 0, found.stdout + found.stderr
    shown = next(line for line in found.stdout.splitlines() if "SHOWN" in line)
    assert "gpt2-tiny" in shown
    assert "'transformer.ln_f.bias': 0.0" in shown
    assert "'transformer.ln_f.weight': 0.25" in shown
    assert shown.endswith("torch.float32 3 7")


MARKED = """
import pytest
@pytest.mark.gpu
def test_on_a_device(): pass
@pytest.mark.slow
def test_slowly(): pass
"""


def test_gpu_tests_are_skipped_with_the_reason(tmp_path: Path) -> None:
    tmp_path.joinpath("test_marked.py").write_text(MARKED)
    found = run(tmp_path, "-rs", "--strict-markers", CUDA_VISIBLE_DEVICES="")
    assert found.returncode == 0, found.stdout + found.stderr
    assert "1 passed, 1 skipped" in found.stdout
    assert "needs a CUDA device, and torch.cuda.is_available() is False here" in found.stdout


TIMED = """
import pytest, time
@pytest.mark.parametrize("number", range(5))
def test_of(number): time.sleep(0.2)
"""


@pytest.mark.parametrize("workers", ["0", "1"])
def test_no_test_begins_after_the_minutes_and_another_is_first_each_day(tmp_path: Path, workers: str) -> None:
    tmp_path.joinpath("test_timed.py").write_text(TIMED)
    # A hook of the collected directory sets the date of the plugin.
    days = {}
    for day in (0, 1):
        tmp_path.joinpath("conftest.py").write_text(
            "import datetime\nimport villani_verify.pytest_plugin as plugin\n\n"
            "class Clock:\n    @staticmethod\n    def now(zone):\n"
            f"        return datetime.datetime.fromordinal(738_003 + {day})\n\nplugin.datetime = Clock\n"
        )
        found = run(tmp_path, "-v", "-n", workers, "--villani-minutes", "0.0001", "-rs")
        assert found.returncode == 0, found.stdout + found.stderr
        passed = re.findall(r"PASSED.*test_of\[(\d)\]|test_of\[(\d)\] PASSED", found.stdout)
        days[day] = [int("".join(groups)) for groups in passed]
        assert "--villani-minutes 0.0001 are over; another day begins with another test" in found.stdout
        assert "1 passed, 4 skipped" in found.stdout
    # The first always has its turn.
    assert days == {0: [3], 1: [4]}


def test_minutes_that_are_none_are_a_wrong_request(tmp_path: Path) -> None:
    tmp_path.joinpath("test_timed.py").write_text(TIMED)
    found = run(tmp_path, "--villani-minutes", "0")
    assert found.returncode == 4
    assert "--villani-minutes 0: it is not a positive number; give one such as 10" in found.stderr


def test_the_plugin_imports_nothing_heavy() -> None:
    heavy = "torch", "numpy", "transformers", "hypothesis", "typer", "rich", "scipy", "matplotlib", "jinja2", "datasets"
    code = f"import sys, villani_verify.pytest_plugin; print([m for m in {heavy!r} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("environment", "installed", "devices"),
    [
        ({}, 0, []),
        ({}, 2, ["0", "1"]),
        ({"CUDA_VISIBLE_DEVICES": "5,2, 7"}, 8, ["5", "2", "7"]),
        ({"CUDA_VISIBLE_DEVICES": "GPU-1f,MIG-9a"}, 8, ["GPU-1f", "MIG-9a"]),
        ({"CUDA_VISIBLE_DEVICES": ""}, 8, []),
        ({"CUDA_VISIBLE_DEVICES": "-1"}, 8, []),
        ({"CUDA_VISIBLE_DEVICES": "3,-1,4"}, 8, ["3"]),
    ],
)
def test_visible_devices(environment: dict[str, str], installed: int, devices: list[str]) -> None:
    assert visible_devices(environment, installed) == devices


@pytest.mark.parametrize(
    ("worker", "devices", "chosen"),
    [
        ("gw0", ["5", "2"], "5"),
        ("gw1", ["5", "2"], "2"),
        ("gw2", ["5", "2"], "5"),
        ("gw11", ["a", "b", "c"], "c"),
        ("gw3", [], None),
        (None, ["5"], None),
        ("master", ["5"], None),
    ],
)
def test_device_of_worker(worker: str | None, devices: list[str], chosen: str | None) -> None:
    assert device_of_worker(worker, devices) == chosen


DEVICE = """
import os, sys
FIRST = ("torch" in sys.modules, os.environ["CUDA_VISIBLE_DEVICES"])
"""
WORKER = """
import conftest_probe, os, pytest
@pytest.mark.parametrize("i", range(8))
def test_it(i):
    with open(f"{os.environ['PYTEST_XDIST_WORKER']}.txt", "w") as f:
        print(*conftest_probe.FIRST, file=f)
"""


@pytest.mark.parametrize(("option", "expected"), [("cuda", {"gw0": "7", "gw1": "3"}), ("cpu", {"gw0": "7,3", "gw1": "7,3"})])
def test_workers_get_devices_of_their_own_before_torch_is_imported(tmp_path: Path, option: str, expected: dict[str, str]) -> None:
    pytest.importorskip("xdist")
    tmp_path.joinpath("conftest_probe.py").write_text(DEVICE)
    tmp_path.joinpath("conftest.py").write_text("import sys; sys.path.insert(0, '.'); import conftest_probe")
    tmp_path.joinpath("test_worker.py").write_text(WORKER)
    found = run(tmp_path, "-n", "2", "--dist", "each", "--villani-device", option, CUDA_VISIBLE_DEVICES="7,3")
    assert found.returncode == 0, found.stdout + found.stderr
    for worker, devices in expected.items():
        assert tmp_path.joinpath(f"{worker}.txt").read_text().split() == ["False", devices]


def test_replay_lines_are_found_in_groups() -> None:
    one, two = AssertionError("a"), AssertionError("b")
    one.replay_line, two.replay_line = "first", "second"  # type: ignore[attr-defined]
    group = ExceptionGroup("several", [one, ValueError("no line"), ExceptionGroup("more", [two])])
    assert replay_lines(group) == ["first", "second"]
    assert replay_lines(ValueError("no line")) == []
