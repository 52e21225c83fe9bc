"""A campaign of 20 units whose results are known without computing any, for tests of what keeps them."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from villani_verify.landscapes.request import LandscapeRequest
from villani_verify.runs.campaign import begin, units_from
from villani_verify.runs.placed import Placed
from villani_verify.runs.plan import Plan, settings_of
from villani_verify.runs.store import Result, Store
from villani_verify.runs.unit import Unit, canonical

_BOWL = LandscapeRequest(landscape="isotropic-bowl")
SETTINGS: dict[str, Any] = settings_of(
    Plan(landscape=(_BOWL,), radii=tuple(float(r) for r in range(1, 11)), temperature=(0.5,)),
    [Placed("isotropic-bowl", "0123456789abcdef" * 2, _BOWL.as_dict(), 2, {"x": 0.1}, {"x": 2}, {})],
)
UNITS: list[Unit] = list(units_from(SETTINGS))


def result_of(number: int, *, value: Any = None) -> Result:
    """Return the result of a unit."""
    right = {"loss": number / 7, "tensors": {"x": [number * 1e-3, 1e300, -0.0]}, "text": "θ" * number}
    return Result(number, UNITS[number], right if value is None else value, 0.25, "host 1", ("a note",) if number % 3 else ())


def begun(directory: Path, *, resume: bool = False) -> Store:
    """Open the store of these units, and make it where there is none."""
    directory.mkdir(exist_ok=True)
    return begin(directory, SETTINGS, UNITS, resume=resume)


def filled(directory: Path, numbers: Iterable[int] = range(20)) -> Store:
    """Return an open store with some of the results."""
    store = begun(directory)
    for number in numbers:
        store.record(result_of(number))
    return store


def killed(directory: Path, to: Path) -> Path:
    """Copy what a process would leave that was killed now: the files of a store that is open."""
    to.mkdir()
    for file in directory.iterdir():
        if not file.name.endswith("-shm"):  # in memory that is shared; it is made anew
            shutil.copyfile(file, to / file.name)
    return to


def contents(store: Store) -> dict[int, str]:
    """Return number → canonical text of the results."""
    return {r.number: canonical(r.value) for r in store.results()}


EXPECTED = {n: canonical(result_of(n).value) for n in range(len(UNITS))}
