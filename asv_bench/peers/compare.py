"""Compare the contenders: seconds a probe, peak memory, and agreement, each in fresh processes, in turn."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from contenders import CONTENDERS, SEED, Forms
from subject import about, add_arguments, load
from torch.utils.flop_counter import FlopCounterMode

from villani_verify.allocator import keep_freed_memory
from villani_verify.environment import peak_memory_bytes
from villani_verify.files import write_whole
from villani_verify.landscape import Landscape

# The literature's cost of a form by Taylor arithmetic: three matrix products for each one of the forward pass.
PRODUCTS = 3
SIDE = {"cpu": 2048, "cuda": 8192}  # of the square matrices that show how fast products can be
NOT_FORMS = ("forward pass", "taylor, samples", "taylor, bfloat16", "taylor, sums of 8")


def main() -> None:
    """Run the comparison, or as a child one contender."""
    options = parse(sys.argv[1:])
    if options.contender:
        print(json.dumps(measure(options)))
        return
    if options.json:
        Path(options.json).parent.mkdir(parents=True, exist_ok=True)
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in options.contenders}
    for turn in range(options.rounds):
        for name in options.contenders:
            print(f"round {turn + 1} of {options.rounds}: {name}", file=sys.stderr, flush=True)
            rows[name].append(child(name, sys.argv[1:]))
    reference = reference_forms(options) if options.reference == "float64" else None
    table = {name: summary(name, found, reference) for name, found in rows.items()}
    show(table, options)
    if options.json:
        found = {"about": about(options), "options": vars(options), "table": table, "rows": rows}
        write_whole(Path(options.json), json.dumps(found, indent=1))


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options; `--contender` marks a child."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--probes", type=int, default=8, help="of one timed call (default 8)")
    parser.add_argument("--calls", type=int, default=2, help="timed calls of a process, after one that is not (default 2)")
    parser.add_argument("--rounds", type=int, default=2, help="processes of each contender (default 2)")
    parser.add_argument("--contenders", nargs="+", default=list(CONTENDERS), choices=list(CONTENDERS))
    parser.add_argument("--reference", choices=["float64", "none"], default="float64")
    parser.add_argument("--json")
    parser.add_argument("--contender", choices=list(CONTENDERS), help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Time one contender in this process."""
    if options.allocator == "kept":
        keep_freed_memory()
    landscape = load(options)
    seconds, found = timed_calls(CONTENDERS[options.contender](landscape), range(options.probes), options.calls)
    memory = peak_memory_bytes(landscape.device)
    rate = PRODUCTS * forward_operations(landscape) / statistics.median(seconds)
    return {
        "seconds": seconds, "forms": found, "peak_memory_bytes": memory, "of_the_ceiling": rate / fastest_products(landscape.device)
    }  # fmt: skip


def timed_calls(forms: Forms, indices: Sequence[int], calls: int) -> tuple[list[float], list[float]]:
    """Return the seconds a probe of each call, and the forms; a first call, which exports, compiles and allocates, is not timed."""
    found, seconds = forms(indices), []
    for _ in range(calls):
        started = time.perf_counter()
        found = forms(indices)  # numbers of Python, so that a GPU has finished
        seconds.append((time.perf_counter() - started) / len(indices))
    return seconds, found


def forward_operations(landscape: Landscape) -> int:
    """Return the floating-point operations of a forward pass's matrix products."""
    with FlopCounterMode(display=False) as counter:
        landscape.loss(landscape.initial)
    return int(counter.get_total_flops())


def fastest_products(device: torch.device, dtype: torch.dtype = torch.float32) -> float:
    """Return the operations per second of a product of large square matrices of random numbers, the fastest of several."""
    side = SIDE[device.type]
    a = torch.randn(side, side, device=device, dtype=dtype)
    best = 0.0
    for _ in range(5):
        started = time.perf_counter()
        float((a @ a)[0, 0])
        best = max(best, 2 * side**3 / (time.perf_counter() - started))
    return best


def child(name: str, arguments: Sequence[str]) -> dict[str, Any]:
    """Measure a contender in a fresh process."""
    command = [sys.executable, __file__, *arguments, "--contender", name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"error": done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"status {done.returncode}"}
    return json.loads(done.stdout.strip().splitlines()[-1])


def reference_forms(options: argparse.Namespace) -> list[float]:
    """Return reverse mode's forms of the first two probes in float64."""
    return forms_in_float64(load(options), load(options, "float64"), min(2, options.probes))


def forms_in_float64(single: Landscape, double: Landscape, count: int) -> list[float]:
    """Return reverse mode's forms of the first probes at the parameters of one landscape, in the arithmetic of the other."""
    from villani_verify.curvature.double_backward import DoubleBackward
    from villani_verify.curvature.probe_signs import probe_of

    # The same float32 parameters, and the same signs, in float64.
    point = {n: t.double() for n, t in single.initial.items()}
    probes = (probe_of(p, seed=SEED, index=0) for p in (single.initial, point))
    assert all(torch.equal(a.double(), b) for a, b in zip(*(p.values() for p in probes), strict=True))
    return DoubleBackward().quadratic_forms(double, point, seed=SEED, indices=range(count))


def summary(name: str, rows: Sequence[dict[str, Any]], reference: Sequence[float] | None) -> dict[str, Any]:
    """Return the medians of one contender."""
    errors = [row["error"] for row in rows if "error" in row]
    if errors:
        return {"error": errors[0]}
    found: dict[str, Any] = {
        "seconds_per_probe": statistics.median(s for row in rows for s in row["seconds"]),
        "peak_memory_bytes": statistics.median(row["peak_memory_bytes"] for row in rows),
    }
    found["of_the_ceiling"] = statistics.median(row["of_the_ceiling"] for row in rows)
    found["standard_deviation"] = statistics.stdev(rows[0]["forms"]) if len(set(rows[0]["forms"])) > 1 else None
    if reference is not None and name not in NOT_FORMS:
        found["relative_error"] = max(abs(a - b) / abs(b) for a, b in zip(rows[0]["forms"], reference, strict=False))
    return found


def show(table: dict[str, dict[str, Any]], options: argparse.Namespace) -> None:
    """Print the table."""
    print(f"{options.landscape}, {options.sequences} x {options.sequence_length} tokens, {options.probes} probes a call")
    unit = table.get("forward pass", {}).get("seconds_per_probe")
    print(f"{'':22}{'s/probe':>9}{'forward passes':>16}{'peak GB':>9}{'of the ceiling':>16}{'relative error':>16}")
    for name, row in table.items():
        if "error" in row:
            print(f"{name:22}{row['error']}")
            continue
        passes = f"{row['seconds_per_probe'] / unit:.2f}" if unit else ""
        error = f"{row['relative_error']:.1e}" if "relative_error" in row else ""
        ceiling = "" if name == "forward pass" else f"{row['of_the_ceiling']:.0%}"
        memory = row["peak_memory_bytes"] / 1e9
        print(f"{name:22}{row['seconds_per_probe']:>9.4f}{passes:>16}{memory:>9.2f}{ceiling:>16}{error:>16}")


if __name__ == "__main__":
    main()
