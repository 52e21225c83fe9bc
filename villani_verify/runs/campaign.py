"""A campaign in a directory: made, gone on with, merged, mended and read."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

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
from villani_verify.runs.store import FILE, Result, Store, checksum_of
from villani_verify.runs.unit import Unit, canonical, digest, mathematics, parsed

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
            raise _unwritable(directory or Path(), e) from e
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
        raise _unwritable(directory, e) from e
    return Store.create(path, settings, units)


def _unwritable(directory: Path, error: OSError) -> OutputError:
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
        raise _unwritable(directory, e) from e
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
    live.log("begun", units=store.counts().units, finished=store.counts().finished, part=list(computing.part))
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


@dataclass(frozen=True)
class Salvaged:
    """What was saved of a damaged store.

    Attributes:
        kept: results that are whole.
        lost: units without one; they are computed again.
        old: where the damaged file is now.
    """

    kept: int
    lost: int
    old: Path


def salvage(directory: Path) -> Salvaged:
    """Make a new store of what is whole in a damaged one, which is kept under another name.

    Units follow from settings.json, which lies beside the store; of results those count whose checksum is right.

    Raises:
        RequestError: if settings.json is damaged too, or other code made them.
    """
    path = directory / FILE
    with held(directory):
        settings = _settings_of(directory)
        units = dict(enumerate(units_from(settings)))
        if not path.exists():
            raise RequestError(f"directory {str(directory)!r}: there is no store; run the campaign anew with --resume")
        mended = path.with_name(f"{path.name}.mended")
        mended.unlink(missing_ok=True)
        try:
            old = _copy(path)
            kept = 0
            with Store.create(mended, settings, units.values()) as store:
                for result in whole_results(old, units):
                    kept += store.record(result)
            # The damaged one stays in its place until the new one is whole; a write-ahead file must not outlive its store.
            for end in ("-wal", "-shm"):
                Path(f"{path}{end}").unlink(missing_ok=True)
            mended.replace(path)
        except OSError as e:
            raise _unwritable(directory, e) from e
    return Salvaged(kept, len(units) - kept, old)


def _settings_of(directory: Path) -> dict[str, Any]:
    """Return the settings that lie beside a store."""
    try:
        about = parsed((directory / SETTINGS).read_text(encoding="utf-8"))
        if about.pop("checksum") != digest(canonical(about)):
            raise ValueError("its checksum is wrong")
        settings: dict[str, Any] = about["settings"]
        made = about["mathematics"]
    except (AttributeError, KeyError, OSError, RecursionError, TypeError, ValueError) as e:
        raise RequestError(
            f"directory {str(directory)!r}: {SETTINGS} cannot be read, so that nothing can be salvaged; start anew elsewhere"
        ) from e
    if made != mathematics():
        raise RequestError(
            f"directory {str(directory)!r}: other mathematics made it ({made[:8]}; this is {mathematics()[:8]}), and results are "
            "never mixed; salvage it with what made it"
        )
    return settings


def whole_results(path: Path, units: Mapping[int, Unit]) -> Iterator[Result]:
    """Iterate over the results in a damaged file whose checksums are right.

    Args:
        path: of the file.
        units: all that there should be, by number.
    """
    query = "SELECT result, checksum, seconds, worker, notes FROM results WHERE number = ?"
    with contextlib.closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as connection:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("PRAGMA writable_schema = ON")  # without which nothing at all is read of a file that was cut short
        if not _plain_tables(connection):
            return
        for number, unit in units.items():
            try:
                row = connection.execute(query, (number,)).fetchone()
                if row is None or row[1] != checksum_of(number, unit.text, row[0]):
                    continue
                value, notes = parsed(row[0]), tuple(map(str, parsed(row[4])))
                yield Result(number, unit, value, float(row[2]), str(row[3]), notes)
            except (sqlite3.Error, AttributeError, TypeError, ValueError):
                continue


def _plain_tables(connection: sqlite3.Connection) -> bool:
    """Say whether the table of results is one, without computed columns, which would be programs of whoever made the file."""
    try:
        found = connection.execute("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = 'results'").fetchone()
    except sqlite3.Error:
        return False
    return found is not None and " AS " not in " ".join(str(found[0]).upper().split())


def _copy(path: Path) -> Path:
    """Copy a store with its write-ahead file under a name that is free, and return that."""
    i = 1
    while (old := path.with_name(f"{path.name}.damaged-{i}")).exists():
        i += 1
    for end in ("-wal", ""):
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(f"{path}{end}", f"{old}{end}")
    return old
