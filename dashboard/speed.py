"""Probes per second of each machine: now, and thirty days ago."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from dashboard.history import History, Point, Series
from villani_verify.errors import RequestError

ENGINE, DTYPE = "taylor", "float32"
"""The defaults, by which a machine is judged."""
SPAN = timedelta(days=30)
_BENCHMARKS = {
    "hutchinson.HutchinsonTime.track_seconds_per_probe": "quadratic forms",
    "hutchinson.HutchinsonTime.track_seconds_per_sample": "samples of the Laplacian",
}
"""asv's name → what is computed with a probe."""
_PARAMETERS = {"landscape", "engine", "device", "dtype"}


@dataclass(frozen=True)
class Speed:
    """How many probes a machine computes in a second.

    Attributes:
        series: the seconds per probe.
        what: what is computed with a probe, such as "quadratic forms".
        now: the newest commit that was measured.
        before: the newest commit, other than that one, of thirty days ago or earlier; if there is none the oldest; None if only
            one was measured.
    """

    series: Series
    what: str
    now: Point
    before: Point | None

    @property
    def machine(self) -> str:
        """Name of the machine."""
        return self.series.machine

    @property
    def landscape(self) -> str:
        """Name of the landscape."""
        return self.series.parameters["landscape"]

    @property
    def engine(self) -> str:
        """Name of the engine."""
        return self.series.parameters["engine"]

    @property
    def device(self) -> str:
        """Such as "cpu" or "cuda"."""
        return self.series.parameters["device"]

    @property
    def dtype(self) -> str:
        """Such as "float32"."""
        return self.series.parameters["dtype"]

    @property
    def key(self) -> str:
        """A name of this speed that no other on the page has."""
        return f"{self.machine}/{self.device}/{self.landscape}/{self.engine}/{self.dtype}/{self.what}"

    @property
    def change(self) -> float | None:
        """Probes per second now, as a multiple of those before; None without a before."""
        return None if self.before is None else per_second(self.now) / per_second(self.before)


def per_second(point: Point) -> float:
    """Return the probes per second at a commit that was measured in seconds per probe.

    Raises:
        RequestError: if no time passed.
    """
    if not point.value:
        raise RequestError(f"results of commit {point.commit[:8]}: {point.value!r} seconds a probe cannot be; measure it again")
    return 1 / point.value


def speeds(history: History, now: datetime) -> tuple[Speed, ...]:
    """Return the speed of every machine, device, landscape and engine that has one, in the order of the history.

    Args:
        history: what asv measured.
        now: from which thirty days are counted back.

    Raises:
        RequestError: if the benchmarks are not those of this checkout.
    """
    found = []
    for series in history.series:
        points = series.measured
        if series.benchmark in _BENCHMARKS and points:
            if missing := _PARAMETERS - set(series.parameters):
                raise RequestError(
                    f"results: {series.benchmark} has no parameter {min(missing)!r}; measure with the asv_bench of this checkout"
                )
            earlier = [p for p in points[:-1] if p.committed <= now - SPAN] or list(points[:1] if points[1:] else ())
            found.append(Speed(series, _BENCHMARKS[series.benchmark], points[-1], earlier[-1] if earlier else None))
    return tuple(found)


def headlines(found: tuple[Speed, ...]) -> tuple[Speed, ...]:
    """Return one speed for each machine and device: quadratic forms by the default engine, in float32, on the largest landscape.

    The last in the benchmark's own order of landscapes is the largest.
    """
    forms = next(iter(_BENCHMARKS.values()))
    best = {(s.machine, s.device): s for s in found if (s.engine, s.dtype, s.what) == (ENGINE, DTYPE, forms)}
    return tuple(best.values())
