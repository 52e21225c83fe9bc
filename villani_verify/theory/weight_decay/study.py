"""The study: models trained for every text, kind of decay, λ and seed, and whether a quantity orders them as the test loss does."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from torch import nn

from villani_verify.errors import RequestError
from villani_verify.journal import Journal
from villani_verify.theory.weight_decay.quantities import LARGER_IS_BETTER, Effort, measure_quantities
from villani_verify.theory.weight_decay.ranks import Mean, mean_over_seeds, rank_correlation, regret
from villani_verify.theory.weight_decay.text import Parts
from villani_verify.theory.weight_decay.training import Decay, Schedule, mean_loss, train

GRID_SEARCH = "validation_loss"
"""What a grid search of the same trainings chooses λ by."""
Progress = Callable[[str, int, int], None]
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Plan:
    """What is trained and measured.

    Attributes:
        weight_decays: λ > 0, ascending, at least two.
        seeds: of the rows drawn in training; every seed starts from the same initialisation.
        schedule: of each training.
        effort: of each measurement.
        decays: kinds of decay.
    """

    weight_decays: tuple[float, ...]
    seeds: tuple[int, ...]
    schedule: Schedule
    effort: Effort = field(default_factory=Effort)
    decays: tuple[Decay, ...] = (Decay.L2, Decay.DECOUPLED)

    def __post_init__(self) -> None:
        decays = self.weight_decays
        if len(decays) < 2 or sorted(set(decays)) != list(decays) or not all(0 < x < math.inf for x in decays):
            raise RequestError(f"weight decays {list(decays)}: give at least two positive numbers in ascending order")
        if not self.seeds or len(set(self.seeds)) != len(self.seeds):
            raise RequestError(f"seeds {list(self.seeds)}: give at least one, and none twice")

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Summary:
    """How one quantity does on one text with one kind of decay.

    Attributes:
        text: name of the text.
        decay: kind.
        quantity: name.
        correlation: Spearman's, over the grid, of the quantity *as a loss* (its negative where larger is better) with the test
            loss; mean over seeds.
        regret: test loss in nats above the best of the grid, where λ is chosen by the quantity; mean over seeds.
        excess: regret less that of the grid search, seed by seed.
    """

    text: str
    decay: str
    quantity: str
    correlation: Mean
    regret: Mean
    excess: Mean

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "text": self.text,
            "decay": self.decay,
            "quantity": self.quantity,
            "correlation": self.correlation.as_dict(),
            "regret": self.regret.as_dict(),
            "excess": self.excess.as_dict(),
        }


_UNSAID = {"device": "cpu"}  # of rows of earlier versions


def run_study(
    plan: Plan,
    texts: Mapping[str, Parts],
    build: Callable[[], nn.Module],
    journal: Journal,
    progress: Progress = lambda *_: None,
) -> list[Row]:
    """Train and measure what the journal does not hold yet, and return all rows of the plan.

    Args:
        plan: what is asked for.
        texts: name → parts; models are trained where they lie.
        build: makes the untrained model, the same every time.
        journal: keeps each row as soon as it is measured.
        progress: told (what, done, in all).

    Raises:
        ModelError: if a training diverges.
        OutputError: if the journal cannot be written.
    """
    settings = plan.as_dict() | {"weight_decays": list(plan.weight_decays)}
    key = {"schedule": settings["schedule"], "effort": settings["effort"], "grid": len(plan.weight_decays)}
    wanted = [
        {"text": text, "decay": str(decay), "weight_decay": lam, "seed": seed, "device": texts[text].training.device.type, **key}
        for seed in plan.seeds
        for text in texts
        for decay in plan.decays
        for lam in plan.weight_decays
    ]
    found: list[Row] = []
    for done, row in enumerate(wanted):
        what = f"{row['text']}, {row['decay']} decay {row['weight_decay']:g}, seed {row['seed']}"
        kept = next((r for r in journal.lines if all(_plain((_UNSAID | r).get(k)) == _plain(v) for k, v in row.items())), None)
        if kept is None:
            progress(what, done, len(wanted))
            kept = dict(_plain(row | _measured(plan, texts[str(row["text"])], build(), row)))
            journal.append(kept)
        found.append(kept)
    return found


def _measured(plan: Plan, parts: Parts, model: nn.Module, row: Row) -> dict[str, Any]:
    started = time.perf_counter()
    lam, seed = float(row["weight_decay"]), int(row["seed"])
    model = model.to(parts.training.device)
    train(model, parts.training.reshape(-1), weight_decay=lam, decay=Decay(row["decay"]), schedule=plan.schedule, seed=seed)
    losses = {name: mean_loss(model, getattr(parts, name)) for name in ("training", "validation", "test")}
    measured = measure_quantities(model, parts, weight_decay=lam, grid_size=len(plan.weight_decays), effort=plan.effort, seed=seed)
    return {
        **{f"{name}_loss": value for name, value in losses.items()},
        "generalisation_gap": losses["test"] - losses["training"],
        "quantities": measured,
        "seconds": time.perf_counter() - started,
    }


def summarise(rows: Sequence[Row]) -> list[Summary]:
    """Return how each quantity, and the grid search beside them, does on each text and kind of decay.

    A seed counts for a quantity only where all its λ have one.
    """
    groups: dict[tuple[str, str], dict[int, list[Row]]] = {}
    for row in rows:
        groups.setdefault((row["text"], row["decay"]), {}).setdefault(row["seed"], []).append(row)
    summaries = []
    for (text, decay), seeds in groups.items():
        for quantity in (GRID_SEARCH, *LARGER_IS_BETTER):
            each = [_of_seed(sorted(of_seed, key=lambda r: r["weight_decay"]), quantity) for of_seed in seeds.values()]
            correlations, regrets, excesses = zip(*each, strict=True)
            summaries.append(
                Summary(
                    text, decay, quantity, mean_over_seeds(correlations, low=-1, high=1), mean_over_seeds(regrets, low=0),
                    mean_over_seeds(excesses),
                )
            )  # fmt: skip
    return summaries


def excess_of_all(rows: Sequence[Row], quantity: str) -> Mean:
    """Return the mean excess regret of a quantity, each seed's mean over texts and kinds of decay counting once."""
    groups: dict[int, dict[tuple[str, str], list[Row]]] = {}
    for row in rows:
        groups.setdefault(row["seed"], {}).setdefault((row["text"], row["decay"]), []).append(row)
    means: list[float | None] = []
    for cells in groups.values():
        each = [_of_seed(sorted(cell, key=lambda r: r["weight_decay"]), quantity)[2] for cell in cells.values()]
        known = [x for x in each if x is not None]
        means.append(math.fsum(known) / len(known) if known else None)
    return mean_over_seeds(means)


def answer(rows: Sequence[Row], quantity: str) -> str:
    """Say in one sentence whether a quantity chooses λ better than a grid search of the same trainings."""
    excess = excess_of_all(rows, quantity)
    if excess.value is None:
        return "no answer: it has no value at some λ of every seed"
    shown = f"{excess.value:+.4f} nats of test loss"
    if excess.interval is None:
        return f"{shown} against the grid search, one seed: no interval"
    low, high = excess.interval
    shown += f" [{low:+.4f}, {high:+.4f}] against the grid search"
    return f"{shown}: " + ("better" if high < 0 else "worse" if low > 0 else "not told apart")


def _of_seed(rows: Sequence[Row], quantity: str) -> tuple[float | None, float | None, float | None]:
    """Return correlation, regret and excess over a grid; None where a λ has no value."""
    test = [float(r["test_loss"]) for r in rows]
    chosen = regret([float(r[GRID_SEARCH]) for r in rows], test)
    values = [_as_loss(r, quantity) for r in rows]
    known = [v for v in values if v is not None]
    if len(known) < len(values):
        return None, None, None
    found = regret(known, test)
    return rank_correlation(known, test), found, found - chosen


def _as_loss(row: Row, quantity: str) -> float | None:
    """Return a quantity so that theory would have it small."""
    if quantity == GRID_SEARCH:
        return float(row[GRID_SEARCH])
    found = row["quantities"][quantity]
    if found is None:
        return None
    return -float(found["value"]) if LARGER_IS_BETTER[quantity] else float(found["value"])


def _plain(value: Any) -> Any:
    """Return a value as JSON gives it back: tuples become lists."""
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value
