"""From the results of units to the tables that a campaign is for: points with intervals, and verdicts."""

from __future__ import annotations

import contextlib
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from villani_verify.errors import RequestError, one_line
from villani_verify.estimation.estimate import Estimate
from villani_verify.estimation.psi import PointMeasurement
from villani_verify.runs.placed import Placed
from villani_verify.runs.plan import plan_from
from villani_verify.runs.store import Result
from villani_verify.runs.streamed_points import StreamedPoint, streamed_point
from villani_verify.runs.unit import canonical
from villani_verify.verification import status_as_expected

POINT_COLUMNS = (
    "landscape", "dimension", "weight_decay", "direction", "ray", "r", "radius", "loss", "value", "gradient_norm_squared",
    "gradient_norm_squared_low", "gradient_norm_squared_high",
    "laplacian", "laplacian_low", "laplacian_high", "samples", "critical_temperature", "critical_temperature_low",
    "critical_temperature_high", "temperature", "psi", "psi_low", "psi_high",
)  # fmt: skip
VERDICT_COLUMNS = (
    "landscape",
    "dimension",
    "weight_decay",
    "seed",
    "criterion",
    "status",
    "expected",
    "statistic",
    "low",
    "high",
    "level",
    "summary",
)


def tables_of(settings: Mapping[str, Any], results: Iterable[Result]) -> dict[str, list[dict[str, Any]]]:
    """Return the tables "points" and "verdicts": a list of rows each, with the columns above.

    A point of which a unit is missing has no row. Samples are averaged in the order of their addresses, so that a table does not
    depend on who computed what. Infinite numbers are infinite, numbers that do not exist None.

    Args:
        settings: of the campaign.
        results: of any of its units.

    Raises:
        RequestError: if settings or results are none of a campaign of this version.
    """
    with refusing():
        return _tables(settings, results)


@contextlib.contextmanager
def refusing() -> Iterator[None]:
    """Whoever writes a store by other means can put anything into it."""
    try:
        yield
    except (ArithmeticError, AttributeError, IndexError, KeyError, TypeError, ValueError) as e:
        why = f"{type(e).__name__}: {one_line(e, 120)}"
        raise RequestError(
            f"tables: what the store holds is no campaign of this version ({why}); run the campaign again in a new directory"
        ) from e


def _tables(settings: Mapping[str, Any], results: Iterable[Result]) -> dict[str, list[dict[str, Any]]]:
    plan = plan_from(settings["plan"])
    gradients: dict[str, dict[str, Any]] = {}
    laplacians: dict[str, dict[int, Any]] = defaultdict(dict)
    verdicts: dict[str, dict[str, Any]] = {}
    placed = [Placed(**p) for p in settings["landscapes"]]
    labels = {(p.digest, canonical(p.request)): label for p, label in zip(placed, labels_of(placed), strict=True)}
    for result in results:
        unit, value = result.unit, result.value
        if unit.kind == "criterion":
            name = labels[unit.landscape, canonical(unit.parameters["request"])]
            verdicts[unit.text] = _verdict(value) | {"landscape": name}
            continue
        place = canonical([unit.landscape, unit.parameters["family"], unit.parameters["r"]])
        if unit.kind == "gradient":
            gradients[place] = value
        else:
            laplacians[place][unit.parameters.get("first", 0)] = value
    points = []
    for landscape in placed:
        alone = plan.exact(landscape.dimension) and not landscape.stored
        needed = 1 if alone else len(list(plan.ranges()))
        for family in plan.families():
            for r in plan.radii:
                place = canonical([landscape.digest, family, r])
                parts = laplacians.get(place, {})
                if (place not in gradients and not landscape.stored) or len(parts) < needed:
                    continue
                found = _point(landscape, gradients.get(place), [parts[k] for k in sorted(parts)], plan.device)
                about = {
                    "landscape": labels[landscape.digest, canonical(landscape.request)], "dimension": landscape.dimension,
                    "weight_decay": _decay(landscape),
                    "direction": family["kind"], "ray": family["index"], "r": r,
                }  # fmt: skip
                points += _rows(about, found, plan.temperature, plan.level)
    return {"points": points, "verdicts": list(verdicts.values())}


def as_expected(verdict: Mapping[str, Any]) -> bool:
    """Say whether a row of "verdicts" has the status that is known, or is not refuted where none is."""
    return status_as_expected(verdict["status"], verdict["expected"])


def labels_of(placed: Sequence[Placed]) -> list[str]:
    """Return what tables call each landscape: its name, numbered in the order of the plan where several have it."""
    requests = [canonical(dict(p.request) | {"weight_decay": None}) for p in placed]
    numbers: dict[str, dict[str, int]] = defaultdict(dict)
    for p, request in zip(placed, requests, strict=True):
        numbers[p.name].setdefault(request, len(numbers[p.name]) + 1)
    return [
        f"{p.name} #{numbers[p.name][request]}" if len(numbers[p.name]) > 1 else p.name
        for p, request in zip(placed, requests, strict=True)
    ]


def _point(
    landscape: Placed, gradient: Mapping[str, Any] | None, parts: list[Mapping[str, Any]], device: str
) -> PointMeasurement | StreamedPoint | None:
    return streamed_point(landscape, parts, device) if gradient is None else _measurement(landscape, gradient, parts, device)


def _measurement(
    landscape: Placed, gradient: Mapping[str, Any], parts: list[Mapping[str, Any]], device: str
) -> PointMeasurement | None:
    samples = [x for part in parts for x in part["samples"]]
    if gradient["loss"] is None or any(x is None for x in samples):
        return None
    squares = {name: theta for name, (theta, _, _) in gradient["tensors"].items()}
    rows = [(landscape.decay[name], *numbers) for name, numbers in gradient["tensors"].items()]
    about: dict[str, Any] = {"method": f"campaign, {parts[0]['engine']}", "dtype": parts[0]["dtype"], "device": device}
    if parts[0]["engine"] == "exact":
        laplacian = Estimate.exact(samples[0], num_matvecs=landscape.dimension, **about)
    else:
        laplacian = Estimate.mean_of(samples, num_matvecs=len(samples), **about)
    return PointMeasurement(
        radius=math.sqrt(math.fsum(squares.values())),
        loss=gradient["loss"],
        value=gradient["loss"] + landscape.decay_value(squares),
        loss_gradient_norm_squared=math.fsum(g for _, _, g, _ in rows),
        # Rounding must not make a square negative, where decay and loss cancel.
        gradient_norm_squared=math.fsum(max(0.0, g + 2 * lam * dot + lam * lam * theta) for lam, theta, g, dot in rows),
        loss_laplacian=laplacian,
        laplacian=laplacian.shifted(landscape.decay_laplacian),
    )


def _rows(
    about: Mapping[str, Any], found: PointMeasurement | StreamedPoint | None, temperatures: tuple[float, ...], level: float
) -> list[dict[str, Any]]:
    if found is None:  # not finite there
        return [dict.fromkeys(POINT_COLUMNS) | dict(about) | {"temperature": s} for s in temperatures or (None,)]
    low, high = found.laplacian.interval(level)
    cold, hot = found.critical_temperature_interval(level)
    square = found.gradient_norm_squared
    flat, steep = found.gradient.interval(level) if isinstance(found, StreamedPoint) else (square, square)
    row = dict(about) | {
        "radius": found.radius, "loss": found.loss, "value": found.value, "gradient_norm_squared": square,
        "gradient_norm_squared_low": max(0.0, flat), "gradient_norm_squared_high": steep,
        "laplacian": found.laplacian.value, "laplacian_low": low, "laplacian_high": high,
        "samples": len(found.laplacian.samples), "critical_temperature": found.critical_temperature,
        "critical_temperature_low": cold, "critical_temperature_high": hot,
    }  # fmt: skip
    rows = []
    for s in temperatures or (None,):
        psi = (None, None, None) if s is None else (found.psi(s), *found.psi_interval(s, level))
        rows.append(row | {"temperature": s} | dict(zip(("psi", "psi_low", "psi_high"), psi, strict=True)))
    return rows


def _verdict(results: Mapping[str, Any]) -> dict[str, Any]:
    ((name, row),) = results["criteria"].items()
    landscape = results["landscape"]
    decay = landscape["weight_decay"]
    low, high = row["interval"] or (None, None)
    return {
        "landscape": landscape["name"], "dimension": landscape["dimension"],
        "weight_decay": decay if isinstance(decay, int | float) else max(decay.values()), "seed": results["seed"],
        "criterion": name, "status": row["status"], "expected": row["expected"], "statistic": _plain(row["statistic"]),
        "low": _plain(low), "high": _plain(high), "level": row["level"], "summary": row["summary"],
    }  # fmt: skip


def _decay(landscape: Placed) -> float:
    """Return λ, the largest where tensors have different ones: those without decay are named by the request."""
    return max(landscape.decay.values())


def _plain(value: Any) -> float | None:
    return float(value) if isinstance(value, str) else value
