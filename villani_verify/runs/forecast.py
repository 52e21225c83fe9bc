"""What a campaign will need, said before it starts: one unit of each sort is computed, and the rest follows from that."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections import Counter
from pathlib import Path

from villani_verify.errors import one_line
from villani_verify.runs.executors import Pool, check_executor, pool_of
from villani_verify.runs.plan import Plan, settings_of, units_of
from villani_verify.runs.time_left import span_in_words
from villani_verify.runs.unit import Unit
from villani_verify.runs.worker import Answer, Task, compute

_LONG = 10.0  # seconds of a unit beside which building its landscape does not matter
_SPREAD = 1.5  # radii and probes of one sort differ in cost; one unit says it no better than that


def forecast(plan: Plan, executor: str) -> list[str]:
    """Return lines for a person: units, time, memory of a worker, and what would make it fit.

    One unit of each kind and landscape is computed in a fresh process of this machine, so that its memory is measured too.

    Args:
        plan: the campaign.
        executor: where it would be computed; its number of workers divides the time.

    Raises:
        VillaniError: if a landscape cannot be built, or a unit cannot be computed.
    """
    from villani_verify.runs.campaign import place

    workers = workers_of(executor)
    with tempfile.TemporaryDirectory(prefix="villani-verify-forecast-") as name:
        settings = settings_of(plan, place(plan, Path(name)))
        counts: Counter[str] = Counter()
        firsts: dict[str, Unit] = {}
        for unit in units_of(settings):
            counts[unit.label] += 1
            firsts.setdefault(unit.label, unit)
        lines = [f"{sum(counts.values()):,} units."]
        total, most = 0.0, 0
        pool = pool_of("processes:1")
        with contextlib.closing(pool):
            for i, (label, unit) in enumerate(firsts.items()):
                task = Task(i, unit.text, name, plan.device, plan.threads)
                answer = _computed(pool, task)
                if answer.error is None and answer.seconds < _LONG:
                    # The second time is what the others take: the first one may build the landscape.
                    answer = _computed(pool, task)
                if answer.error is not None:
                    lines.append(f"{label}: {counts[label]:,} units; the first one fails: {answer.error}")
                    continue
                total += counts[label] * answer.seconds
                most = max(most, answer.peak_bytes)
                lines.append(f"{label}: {counts[label]:,} units of {answer.seconds:.3g} s, {answer.peak_bytes / 1e9:.2f} GB")
    if total > 0:
        lines.append(f"Time: {span_in_words(total / workers / _SPREAD, total / workers * _SPREAD)} on {workers} worker(s).")
        lines += _memory(most, workers, plan.device)
    return lines


def _computed(pool: Pool, task: Task) -> Answer:
    try:
        answer: Answer = pool.executor.submit(compute, task).result()
    except Exception as e:  # most often the system killed it, as memory ran out
        why = f"its worker was lost ({type(e).__name__}: {one_line(e, 200)})"
        return Answer(task.number, None, why, False, 0.0, "")
    return answer


def workers_of(executor: str) -> int:
    """Return how many workers an executor has."""
    kind, rest = check_executor(executor)
    if kind == "processes":
        return int(rest)
    pool = pool_of(executor)
    with contextlib.closing(pool):
        return pool.workers


def _memory(most: int, workers: int, device: str) -> list[str]:
    if device != "cpu":
        return [f"Memory: {most / 1e9:.2f} GB on each worker's device."]
    there = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    needed = most * workers
    line = f"Memory: {most / 1e9:.2f} GB for each worker, {needed / 1e9:.2f} GB together; {there / 1e9:.2f} GB are free here."
    if needed <= there:
        return [line]
    fits = there // most
    return [line, f"That does not fit; {_remedy(int(fits))}"]


def _remedy(fits: int) -> str:
    if fits >= 1:
        return f"use at most processes:{fits}, or fewer probes_per_unit, or shorter sequences."
    return 'not even one worker does: use shorter or fewer sequences, a smaller model or dtype = "float32", or a larger machine.'
