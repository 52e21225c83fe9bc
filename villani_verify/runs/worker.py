"""What a worker does with a task: it finds the landscape, computes the unit, and returns plain values."""

from __future__ import annotations

import multiprocessing
import os
import platform
import time
import traceback
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from villani_verify.allocator import keep_freed_memory
from villani_verify.errors import RequestError, VillaniError, one_line
from villani_verify.runs.unit import Unit

if TYPE_CHECKING:
    from villani_verify.landscape import Landscape

_LONGEST = 600
_place = 0


@dataclass(frozen=True)
class Task:
    """A unit on its way to a worker: a few hundred bytes, whatever the size of the landscape.

    Attributes:
        number: of the unit.
        unit: its text.
        directory: of the campaign, where landscapes are deposited.
        device: "cpu" or "cuda"; of several GPUs a worker has one of its own.
        threads: of the processor, for one unit; the last bits of a result depend on it.
    """

    number: int
    unit: str
    directory: str
    device: str = "cpu"
    threads: int = 1


@dataclass(frozen=True)
class Answer:
    """What became of a task.

    Attributes:
        number: of the unit.
        value: the result; None where there is none.
        error: why not, in a sentence; None where there is a result.
        final: whether trying again would give the same error.
        seconds: wall-clock time.
        worker: host and process.
        notes: what went otherwise than asked.
        peak_bytes: high-water mark of the worker's memory, or of its device's.
        trace: of an error that was not foreseen.
    """

    number: int
    value: object
    error: str | None
    final: bool
    seconds: float
    worker: str
    notes: tuple[str, ...] = ()
    peak_bytes: int = 0
    trace: str = ""

    def reraise(self) -> NoReturn:
        """Raise the error again: on one line where it was foreseen, with its traceback where it is a bug."""
        if self.trace:
            raise RuntimeError(f"{self.error}\n{self.trace}")
        raise VillaniError(self.error)


@lru_cache(maxsize=1)
def _prepare() -> None:
    """Let a process that was started to work keep the memory it frees, without which units take up to twice as long there."""
    if multiprocessing.parent_process() is not None:
        keep_freed_memory()


def take_place(index: int) -> None:
    """Let this process be the one of this index among those of its machine: of several GPUs it has that of its own."""
    global _place
    _place = index


def compute(task: Task) -> Answer:
    """Compute a unit. Nothing is raised but what stops a process."""
    _prepare()
    started = time.perf_counter()
    found = _attempt(task)
    return replace(found, seconds=time.perf_counter() - started, peak_bytes=_peak(task))


def _device_of(task: Task) -> str:
    if task.device != "cuda":
        return task.device
    import torch

    count = torch.cuda.device_count()
    return f"cuda:{_place % count}" if count > 1 else "cuda"


def _peak(task: Task) -> int:
    import torch

    from villani_verify.environment import peak_memory_bytes

    return peak_memory_bytes(torch.device(_device_of(task)))


def _attempt(task: Task) -> Answer:
    unit = Unit.from_text(task.unit)
    without = Answer(task.number, None, None, False, 0.0, f"{platform.node()} {os.getpid()}")
    try:
        from villani_verify.notes import collected_notes
        from villani_verify.runs.kinds import KINDS

        if unit.kind not in KINDS:
            raise RequestError(f"unit of kind {unit.kind!r}: this worker knows none; give it the same version of villani-verify")
        with collected_notes() as notes:
            value = KINDS[unit.kind](_landscape(unit, task), unit.parameters)
        return replace(without, value=value, notes=notes.texts())
    except VillaniError as e:
        return replace(without, error=one_line(e, _LONGEST), final=True)
    except (Exception, SystemExit) as e:  # a unit must not take the campaign down with it, nor a landscape that calls sys.exit
        return replace(without, error=f"{type(e).__name__}: {one_line(e, _LONGEST)}", trace=traceback.format_exc())


def _landscape(unit: Unit, task: Task) -> Landscape | None:
    """Return the landscape that a unit looks at, if any, with the processor set up for it."""
    if not unit.landscape:
        return None
    import torch

    from villani_verify.runs.landscapes import load

    if torch.get_num_threads() != task.threads:
        torch.set_num_threads(task.threads)
    return load(unit.landscape, Path(task.directory), _device_of(task))
