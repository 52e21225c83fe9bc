"""How many workers one coordinator keeps busy: a simulation with the overheads that were measured."""

import heapq

import matplotlib.pyplot as plt
import numpy as np

# Seconds of the coordinator for a unit, measured with units that do nothing (asv_bench/benchmarks/campaigns.py).
OVERHEAD = {"processes": 0.00033, "Dask": 0.0034}
UNIT_SECONDS = (0.1, 1.0, 10.0)
WORKERS = (1, 3, 10, 30, 100, 300, 1000)


def efficiency(workers, seconds, overhead, units_each=20, ahead=2):
    """Return the share of their time in which workers compute, until the last unit is handed out.

    The coordinator does one thing at a time: it hands a unit out or takes a result, each for half of the overhead. A worker
    has up to `ahead` units. Units take an exponential time, so that no two workers go in step.
    """
    durations = np.random.default_rng(0).exponential(seconds, workers * units_each).tolist()
    events = [(0.0, i, "wants") for i in range(workers)] * ahead
    heapq.heapify(events)
    free = [0.0] * workers
    spans = []
    clock = 0.0
    while durations:
        time, worker, kind = heapq.heappop(events)
        clock = max(clock, time) + overhead / 2
        if kind == "has finished":
            heapq.heappush(events, (clock, worker, "wants"))
            continue
        begun = max(free[worker], clock)
        free[worker] = begun + durations.pop()
        spans.append((begun, free[worker]))
        heapq.heappush(events, (free[worker], worker, "has finished"))
    busy = sum(min(end, clock) - min(begun, clock) for begun, end in spans)
    return busy / (workers * clock)


figure, axes = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
for i, (executor, overhead) in enumerate(OVERHEAD.items()):
    for seconds, line in zip(UNIT_SECONDS, (":", "--", "-"), strict=True):
        shares = [efficiency(workers, seconds, overhead) for workers in WORKERS]
        axes.plot(WORKERS, shares, line, color=f"C{i}", marker="o", markersize=3, label=f"{executor}, units of {seconds:g} s")
        saturated = seconds / overhead
        if saturated <= WORKERS[-1]:
            axes.axvline(saturated, color=f"C{i}", linestyle=line, linewidth=0.8)
axes.set(xscale="log", xlabel="workers", ylabel="share of their time in which workers compute", ylim=(0, 1.05))
axes.legend(fontsize=8)
