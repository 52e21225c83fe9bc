"""A campaign in a directory: made, gone on with, merged and read."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from villani_verify.errors import OutputError, RequestError
from villani_verify.files import write_whole
from villani_verify.landscape import Landscape
from villani_verify.runs import plan, verification
from villani_verify.runs.coordinator import Computing, Outcome, Show, run
from villani_verify.runs.executors import Pool
from villani_verify.runs.landscapes import FOLDER, deposit
from villani_verify.runs.live import Live
from villani_verify.runs.placed import Placed
from villani_verify.runs.plan import Plan
from villani_verify.runs.store import FILE, Store
from villani_verify.runs.unit import Unit, canonical, digest, mathematics

SETTINGS = "settings.json"
_LOCK = "lock"


def place(asked: Plan, directory: Path | None = None) -> list[Placed]:
    """Build the landscapes of a plan once, at each weight decay, and deposit them for the workers.

    Args:
        asked: which plan.
        directory: of the campaign; None to deposit nothing.

    Raises:
        VillaniError: if one cannot be built.
        OutputError: if it cannot be deposited.
    """
    from villani_verify.landscapes.digest import loss_digest

    placed: list[Placed] = []
    for request in asked.landscape:
        built = request.load()
        built.check()
        try:
            name = loss_digest(built) if directory is None else deposit(built, directory)
        except OSError as e:
            raise unwritable(directory or Path(), e) from e
        for decayed in _decayed(built, request, asked.weight_decay):
            placed.append(Placed.of(decayed, name))
    return placed


def _decayed(built: Landscape, request: Any, decays: Sequence[float]) -> Iterator[Landscape]:
    if not decays:
        yield built
    for lam in decays:
        asked = replace(request, weight_decay=lam)
        # What the zoo expects can depend on the weight decay, so it is asked anew.
        yield replace(asked.load(), request=asked.as_dict())


def check_directory(directory: Path, *, resume: bool) -> None:
    """Check, before any work, that a campaign can begin in a directory or go on there.

    Raises:
        OutputError: if it holds something else, or is no directory.
        RequestError: if it holds a campaign and `resume` is not asked for.
    """
    where = f"directory {str(directory)!r}"
    if not directory.exists():
        return
    if not directory.is_dir():
        raise OutputError(f"{where}: cannot be written, as it is a file; give a new or an empty directory")
    there = {p.name for p in directory.iterdir()}
    if FILE in there or SETTINGS in there:
        if not resume:
            raise _occupied(directory)
    elif any(name not in (_LOCK, FOLDER) and not name.startswith(f".{SETTINGS}-") for name in there):
        raise OutputError(f"{where}: it holds something else than a campaign; give a new or an empty directory")


def _occupied(directory: Path) -> RequestError:
    return RequestError(
        f"directory {str(directory)!r}: a campaign is there already; use --resume to go on with it, or another --out"
    )


def begin(directory: Path, settings: Mapping[str, Any], units: Iterable[Unit], *, resume: bool) -> Store:
    """Open the store of a campaign for writing, and make it where there is none.

    Args:
        directory: of the campaign; made if it is missing.
        settings: what is asked for.
        units: that follow from them.
        resume: whether to go on with a store that is there; a finished one is returned as it is.

    Raises:
        RequestError: if there is a store and `resume` is not asked for, or other settings or code made it.
        DamagedStoreError: if it is damaged.
        OutputError: if it cannot be made, or the directory holds something else.
    """
    path = directory / FILE
    if path.exists():
        if not resume:
            raise _occupied(directory)
        store = Store.open(path)
        try:
            store.check_settings(settings)
            store.check()
            store.forget_failures()
        except BaseException:
            store.close()
            raise
        return store
    about = {"settings": settings, "mathematics": mathematics()}
    try:
        write_whole(directory / SETTINGS, canonical(about | {"checksum": digest(canonical(about))}))
    except OSError as e:
        raise unwritable(directory, e) from e
    return Store.create(path, settings, units)


def unwritable(directory: Path, error: OSError) -> OutputError:
    """Return the error of a directory in which something cannot be written."""
    return OutputError(
        f"directory {str(directory)!r}: cannot be written ({error.strerror}); make room, or give a directory you may write to"
    )


@contextlib.contextmanager
def held(directory: Path) -> Iterator[None]:
    """Keep other processes from working on a campaign; the system lets go when this one ends, however it ends.

    Where no campaign was begun in the end, as a landscape could not be built, the directory is left as it was found.

    Raises:
        OutputError: if one is at work, or the directory cannot be written.
    """
    from filelock import FileLock, Timeout

    made = [d for d in (directory, *directory.parents) if not d.exists()]
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = FileLock(directory / _LOCK, timeout=0)
        lock.acquire()
    except Timeout as e:
        raise OutputError(f"directory {str(directory)!r}: another process is at work there; wait for it, or stop it") from e
    except OSError as e:
        raise unwritable(directory, e) from e
    try:
        yield
    finally:
        if not any((directory / name).exists() for name in (FILE, SETTINGS)):
            _unmake(directory, made)
        lock.release()


def _unmake(directory: Path, made: Sequence[Path]) -> None:
    shutil.rmtree(directory / FOLDER, ignore_errors=True)
    with contextlib.suppress(OSError):
        (directory / _LOCK).unlink()
        for d in made:
            d.rmdir()


def compute(store: Store, pool: Pool, computing: Computing, show: Show) -> Outcome:
    """Compute what is pending in a store that this process holds, and log it."""
    live = Live(store.path.parent)
    before = store.counts()
    live.log("begun", units=before.units, finished=before.finished, part=list(computing.part))
    try:
        outcome = run(store, pool, computing, live=live, show=show)
    except BaseException as e:
        live.log("ended", why=f"{type(e).__name__}: {e}")
        raise
    live.log("stopped" if outcome.stopped else "ended", computed=outcome.computed, failed=outcome.failed)
    return outcome


def open_directory(directory: Path) -> Store:
    """Open the store of a campaign's directory, for reading.

    Raises:
        RequestError: if there is none.
    """
    return Store.open(directory / FILE)


def units_from(settings: Mapping[str, Any]) -> Iterator[Unit]:
    """Iterate over the units of a store with these settings.

    Raises:
        RequestError: if there is no such sort of store.
    """
    sorts = {"campaign": plan.units_of, "verification": verification.units_of}
    if settings.get("type") not in sorts:
        raise RequestError(f"store of type {settings.get('type')!r}: unknown to this version; use the one that made it")
    return sorts[settings["type"]](settings)


@dataclass(frozen=True)
class Merged:
    """What a merger did: results that are new, and that were there already."""

    new: int
    same: int


def merge(into: Path, sources: Sequence[Path]) -> Merged:
    """Add the results of other stores of the same campaign to one, which is made if it is missing.

    Args:
        into: directory of the store that grows.
        sources: directories.

    Raises:
        RequestError: if settings or code differ, or a unit has two results.
        DamagedStoreError: if one is damaged; nothing was added then.
    """
    new = same = 0
    with contextlib.ExitStack() as stack:
        others = [stack.enter_context(open_directory(s)) for s in sources]
        first = others[0]
        first.check_mathematics()
        for other in others:
            other.check_settings(first.settings)
            other.check()
        check_directory(into, resume=True)
        with held(into):
            store = stack.enter_context(begin(into, first.settings, units_from(first.settings), resume=True))
            for other in others:
                for result in other.results():
                    added = store.record(result)
                    new, same = new + added, same + (not added)
    return Merged(new, same)
