"""The lists of parts: the whole nightly, and what a GPU adds, in at most nine minutes of a borrowed machine."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from nightly.part import Part

PYTHON = "{python}"
PROPERTIES = (PYTHON, "-m", "pytest", "properties")
LARGE = "--villani-landscape=gpt-neo-125m"


def calibration_line(folder: Path, log: str) -> str:
    """Return how many intervals were sampled, and what became of true landscapes."""
    found = json.loads((folder / "calibration" / "measured.json").read_text(encoding="utf-8"))
    told = found["false_refutations"]
    return (
        f"{len(found['coverage'])} intervals; {told['with_false_refutation']} of {told['verifications']} verifications of true "
        f"landscapes refute, {told['rows_undecided']} of {told['rows']} verdicts are undecided"
    )


def peers_line(folder: Path, log: str) -> str:
    """Return the seconds of a product by each package, from the table that the part printed."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in log.splitlines() if line.startswith("| ")]
    told = [f"{name} {seconds}" for name, seconds, *_ in rows if name != "package"]
    return f"seconds a product: {', '.join(told)}" if told else "no table was printed"


def _asv(*more: str) -> tuple[str, ...]:
    """Return the command that measures the installed package; without the hash asv saves nothing."""
    return (
        PYTHON, "-m", "asv", "run", "--config", "asv_bench/asv.conf.json", "--python=same", "--set-commit-hash=HEAD",
        "--machine={machine}", *more,
    )  # fmt: skip


_ASV_MACHINE = (PYTHON, "-m", "asv", "machine", "--yes", "--config", "asv_bench/asv.conf.json", "--machine={machine}")
_CHECK = (PYTHON, "asv_bench/check_results.py", "--machine={machine}")

CPU: Sequence[Part] = (
    Part(
        "verdicts", "every landscape of the zoo but GPT-Neo-125M: is each verdict the known one?",
        [(PYTHON, "scripts/verify_zoo.py", "--seeds=1", "--jobs=2", "--json={out}/verdicts")], minutes=20,
    ),
    Part(
        "properties", "the properties on landscapes of the zoo, hundreds of new examples each",
        [(*PROPERTIES, "-n", "2", "--hypothesis-profile=nightly", "--villani-statistics={out}/statistics.json")],
        minutes=35,
    ),
    Part(
        "properties-125m", "the properties on the full GPT-Neo-125M, two examples each, of as many as there is time for",
        # Few examples are affordable, and one process has enough to hold; one that begins in time may take as long again.
        [(*PROPERTIES, LARGE, "-n", "1", "--hypothesis-profile=large", "--villani-minutes=4", "--durations=5")], minutes=15,
    ),
    Part(
        "calibration", "a sample of the calibration",
        [(PYTHON, "-m", "villani_verify.calibration", "--out={out}/calibration", "--replications=150", "--verifications=40",
          "--control-seeds=0")],
        minutes=15, summary=calibration_line,
    ),
    Part(
        "peers", "seconds and memory beside curvlinops, PyHessian and hessian-eigenthings",
        [(PYTHON, "-m", "tox", "-q", "-e", "peers", "--", "--json=asv_bench/results/peers/{machine}.json")], minutes=15,
        summary=peers_line,
    ),
    Part("benchmarks", "every benchmark, measured on this machine", [_ASV_MACHINE, _asv(), _CHECK], minutes=25),
    Part(
        "report", "the page of a verification",
        [(PYTHON, "-m", "villani_verify.cli", "report", "{out}/verdicts/gpt-neo-tiny.json", "--out={out}/report")], minutes=2,
        replaces=("report",),
    ),
    Part(
        "dashboard", "speed, regressions, verdicts and peers on one page",
        [(PYTHON, "-m", "asv", "publish", "--no-pull", "--config", "asv_bench/asv.conf.json"),
         (PYTHON, "-m", "dashboard", "--results=asv_bench/results/asv", "--nightly={out}", "--peers=asv_bench/results/peers",
          "--history=asv_bench/.asv/html", "--out={out}/dashboard")],
        minutes=5,
    ),
)  # fmt: skip

# Each combination takes half a minute of loading, exporting and checking, so only what the dashboard judges a machine by.
_ON_GPU = (
    r"hutchinson\.Hutchinson(Time\.track_seconds_per_(probe|sample)|DeviceMemory\.track_peak_device_bytes)"
    r"\('gpt-neo-125m', 'taylor', 'cuda', 'float32'\)"
)
GPU: Sequence[Part] = (
    Part(
        "peers-gpu", "GPT-Neo-125M beside the peers on the GPU, in float32 and TF32",
        [(PYTHON, "asv_bench/peers/on_gpu.py", "--probes=128", "--peers-probes=4", "--calls=1",
          "--out=asv_bench/results/peers/{machine}")],
        minutes=3.5,
    ),
    Part(
        "benchmarks-gpu", "seconds and peak memory of probes on the GPU",
        [_ASV_MACHINE, _asv("--quick", "--bench", _ON_GPU), _CHECK], minutes=2, environment=(("VILLANI_BENCH_LARGE", "1"),),
    ),
    Part(
        "properties-gpu", "the properties on the full GPT-Neo-125M on the GPU, of as many as there is time for",
        # Examples of a large model keep a processor busier than a GPU: four share it.
        [(*PROPERTIES, LARGE, "-n", "4", "--hypothesis-profile=gpu", "--villani-device=cuda",
          "--villani-minutes=1.5", "--villani-statistics={out}/statistics.json")],
        minutes=3.5,
    ),
)  # fmt: skip

KINDS: Mapping[str, Sequence[Part]] = MappingProxyType({"cpu": CPU, "gpu": GPU})
