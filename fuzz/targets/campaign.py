"""A small campaign with results, as stores of it are made; no target itself."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from fuzz.place import place
from fuzz.target import attempt
from villani_verify.runs.campaign import SETTINGS, open_directory
from villani_verify.runs.campaign import place as placed
from villani_verify.runs.export import export
from villani_verify.runs.plan import plan_from, settings_of, units_of
from villani_verify.runs.salvage import salvage
from villani_verify.runs.store import FILE, Result, Store
from villani_verify.runs.unit import Unit, canonical

_PLAN = {
    "landscape": ["double-well"],
    "weight_decay": [0.1, 1.0],
    "temperature": [1.0],
    "radii": [1.0, 8.0],
    "criteria": ["smoothness"],
}
_MOST_UNITS = 500


@lru_cache(maxsize=1)
def settings() -> dict[str, Any]:
    """Return the settings of the campaign."""
    plan = plan_from(_PLAN)
    return settings_of(plan, placed(plan))


@lru_cache(maxsize=1)
def units() -> list[Unit]:
    """Return its units."""
    return list(units_of(settings()))


def value_of(unit: Unit) -> Any:
    """Return a result such as a unit of that kind has."""
    if unit.kind == "gradient":
        return {"loss": 0.5, "tensors": {name: [1.0, 2.0, 0.5] for name in settings()["landscapes"][0]["sizes"]}}
    if unit.kind == "exact":
        return {"engine": "exact", "dtype": "float64", "samples": [3.0]}
    row = {"status": "supported", "expected": None, "statistic": 1.0, "interval": [0.5, "Infinity"], "level": 0.99, "summary": "s"}
    return {
        "landscape": {"name": "double-well", "dimension": 1, "weight_decay": 0.1}, "seed": 0, "criteria": {"smoothness": row},
    }  # fmt: skip


def store_bytes(finished: int) -> bytes:
    """Return the file of a store with so many results, and one failure."""
    with place() as directory:
        with Store.create(directory / FILE, settings(), units()) as store:
            for number, unit in enumerate(units()[:finished]):
                store.record(Result(number, unit, value_of(unit), 0.1, "host 1", ("a note",)))
            store.fail(len(units()) - 1, "it fails", 3)
        return (directory / FILE).read_bytes()


def look_through(directory: Path, *, at_salvage: bool = True) -> None:
    """Do with a campaign's directory whatever reads its files."""
    for step in _STEPS:
        attempt(lambda step=step: _opened(directory, step))  # type: ignore[misc]
    if at_salvage:
        attempt(lambda: salvage(directory))


def write_settings(directory: Path, value: Any) -> None:
    """Write settings beside a store, those of the campaign for None."""
    (directory / SETTINGS).write_text(canonical(settings()) if value is None else value, encoding="utf-8", errors="replace")


def _opened(directory: Path, step: Any) -> None:
    with open_directory(directory) as store:
        step(store)


def _small(store: Store) -> bool:
    """Say whether tables of its settings are small: a large plan is a lot of work, and no finding."""
    plan = store.settings.get("plan") if isinstance(store.settings, dict) else None
    return attempt(lambda: plan_from(plan)) and plan_from(plan).count() <= _MOST_UNITS if isinstance(plan, dict) else True


def _export(store: Store) -> None:
    if not _small(store):
        return
    for table in ("points", "verdicts", "units"):
        for suffix in (".csv", ".json"):
            attempt(lambda table=table, suffix=suffix: export(store, table, store.path.parent / f"table{suffix}"))  # type: ignore[misc]


_STEPS = (
    lambda store: (store.counts(), store.pending(), store.failures()),
    lambda store: (store.unit(0), store.unit(10**6)),
    lambda store: store.check(),
    lambda store: store.check_settings(settings()),
    lambda store: store.fingerprint(),
    _export,
)
