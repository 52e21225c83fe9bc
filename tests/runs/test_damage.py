"""Whatever happens to the bytes of a store: what is read from it is right, or it is called damaged; and it can be mended."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.runs.stores import EXPECTED, SETTINGS, UNITS, begun, contents, filled, killed, result_of
from villani_verify.errors import VillaniError
from villani_verify.runs.campaign import SETTINGS as SETTINGS_FILE
from villani_verify.runs.campaign import begin, open_directory
from villani_verify.runs.damage import DamagedStoreError
from villani_verify.runs.salvage import salvage, whole_results
from villani_verify.runs.store import FILE, Store

MEMORY = Path("/dev/shm")
HALF = range(0, 20, 2)
WAL = f"{FILE}-wal"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    with filled(tmp_path_factory.mktemp("undisturbed") / "a") as store:
        return store.fingerprint()


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a finished store, one that is half finished, and what is left of one whose process was killed half-way."""
    root = tmp_path_factory.mktemp("stores")
    filled(root / "finished").close()
    filled(root / "half", HALF).close()
    with filled(root / "running", HALF):
        killed(root / "running", root / "killed")
    return {name: root / name for name in ("finished", "half", "killed")}


@contextmanager
def copied(directory: Path) -> Iterator[Path]:
    # In memory where there is such a place: making sure that all is on the disk would take most of the time.
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        yield Path(shutil.copytree(directory, Path(name) / "copy"))


def check_readers(directory: Path) -> None:
    """Check that what a reader gets is right, or one line that says that it is damaged."""
    with in_one_line(), open_directory(directory) as store:
        for number, text in contents(store).items():
            assert EXPECTED[number] == text
        assert store.settings["plan"]["temperature"] == [0.5]
        store.counts()


@contextmanager
def in_one_line(*parts: str) -> Iterator[None]:
    """Let errors of the package pass that are said in one line."""
    try:
        yield
    except VillaniError as e:
        message = str(e)
    else:
        return
    assert "\n" not in message
    assert all(part in message for part in parts)


def finish(directory: Path) -> tuple[str, bool]:
    """Go on as a user does: resume; if that is refused, salvage as the message says, and resume. Return fingerprint and whether."""
    for mended in (False, True):
        with in_one_line(f"runs salvage {directory}"), begun(directory, resume=True) as store:
            for number, _ in store.pending():
                store.record(result_of(number))
            assert store.counts().finished == len(UNITS)
            assert contents(store) == EXPECTED
            store.check()
            return store.fingerprint(), mended
        saved = salvage(directory)
        assert saved.kept + saved.lost == len(UNITS)
    raise AssertionError("salvaged, and yet damaged")


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["finished", "half", "killed"]), st.floats(0, 1, exclude_max=True), st.integers(0, 7), st.booleans())
@example("finished", 18 / 1e9, 0, False)
def test_any_flipped_bit_is_noticed_or_harmless(
    stores: dict[str, Path], undisturbed: str, which: str, where: float, bit: int, ahead: bool
) -> None:
    with copied(stores[which]) as directory:
        flip(directory / (WAL if ahead and which == "killed" else FILE), where, bit)
        check_readers(directory)
        assert finish(directory)[0] == undisturbed


def flip(file: Path, where: float, bit: int) -> None:
    data = bytearray(file.read_bytes())
    data[int(where * len(data))] ^= 1 << bit
    file.write_bytes(data)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["finished", "half", "killed"]), st.floats(0, 1), st.booleans())
def test_a_store_that_is_cut_short_anywhere_is_noticed_or_harmless(
    stores: dict[str, Path], undisturbed: str, which: str, where: float, ahead: bool
) -> None:
    with copied(stores[which]) as directory:
        file = directory / (WAL if ahead and which == "killed" else FILE)
        with file.open("r+b") as f:
            f.truncate(int(where * file.stat().st_size))
        check_readers(directory)
        assert finish(directory)[0] == undisturbed


@pytest.mark.parametrize("byte", range(100))
def test_every_byte_of_the_header(stores: dict[str, Path], undisturbed: str, byte: int) -> None:
    with copied(stores["finished"]) as directory:
        data = bytearray((directory / FILE).read_bytes())
        data[byte] ^= 1 << byte % 8
        (directory / FILE).write_bytes(data)
        check_readers(directory)
        assert finish(directory)[0] == undisturbed


@pytest.mark.slow
@pytest.mark.parametrize("which", ["finished", "killed"])
def test_a_bit_of_every_other_byte(stores: dict[str, Path], undisturbed: str, which: str) -> None:
    mended = 0
    size = (stores[which] / FILE).stat().st_size
    for byte in range(0, size, 2):
        with copied(stores[which]) as directory:
            flip(directory / FILE, (byte + 0.5) / size, byte * 5 % 8)
            check_readers(directory)
            fingerprint, salvaged = finish(directory)
            assert fingerprint == undisturbed, byte
            mended += salvaged
    print(f"{which}: {size // 2} flips, {mended} noticed, the others harmless")
    assert mended > 0


def test_salvaging_keeps_every_result_but_the_one_that_is_hit(stores: dict[str, Path], undisturbed: str) -> None:
    with copied(stores["finished"]) as directory:
        data = (directory / FILE).read_bytes()
        assert data.count(EXPECTED[7].encode()) == 1
        (directory / FILE).write_bytes(data.replace(EXPECTED[7].encode(), EXPECTED[7].encode().replace(b"loss", b"lost")))
        with Store.open(directory / FILE) as store, pytest.raises(DamagedStoreError, match="result 7"):
            store.check()
        saved = salvage(directory)
        assert (saved.kept, saved.lost) == (19, 1)
        assert saved.old.read_bytes() != data
        assert dict.fromkeys([7], EXPECTED[7]) == {
            n: EXPECTED[n] for n in set(range(20)) - {r.number for r in whole_results(saved.old, enumerate(UNITS))}
        }
        with begun(directory, resume=True) as store:
            assert store.pending() == [(7, UNITS[7].label)]
            assert next(iter(store.results())) == result_of(0)  # with its notes
        assert finish(directory) == (undisturbed, False)


def test_of_a_file_that_was_cut_short_what_is_left_is_kept(stores: dict[str, Path], undisturbed: str) -> None:
    with copied(stores["finished"]) as directory:
        with (directory / FILE).open("r+b") as file:
            file.truncate((directory / FILE).stat().st_size - 1)
        saved = salvage(directory)
        assert saved.kept > 0
        assert finish(directory) == (undisturbed, False)


@pytest.mark.parametrize("moment", ["create", "replace"])
def test_a_salvage_that_is_cut_short_loses_nothing(
    stores: dict[str, Path], undisturbed: str, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with copied(stores["finished"]) as directory:
        with (directory / FILE).open("r+b") as file:
            file.seek(24_000)
            file.write(b"\xff" * 300)
        with monkeypatch.context() as death:

            def die(*_: object) -> None:
                raise KeyboardInterrupt

            death.setattr(*((Store, "create", die) if moment == "create" else (Path, "replace", die)))
            with pytest.raises(KeyboardInterrupt):
                salvage(directory)
        assert salvage(directory).kept >= 1
        assert finish(directory) == (undisturbed, False)


def test_nothing_is_salvaged_without_whole_settings_or_with_other_code(
    stores: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with copied(stores["finished"]) as directory:
        settings_file = directory / SETTINGS_FILE
        whole = settings_file.read_text(encoding="utf-8")
        for broken in ("", "[]", "{}", "null", whole[:-1], whole.replace("0.5", "0.6"), "[" * 100_000):
            settings_file.write_text(broken, encoding="utf-8")
            with pytest.raises(VillaniError, match=r"settings\.json cannot be read") as e:
                salvage(directory)
            assert "\n" not in str(e.value)
        settings_file.write_text(whole, encoding="utf-8")
        monkeypatch.setattr("villani_verify.runs.salvage.mathematics", lambda: "f" * 32)
        with pytest.raises(VillaniError, match="other mathematics made it"):
            salvage(directory)
        (directory / FILE).unlink()
        monkeypatch.undo()
        with pytest.raises(VillaniError, match="there is no store; run the campaign anew with --resume"):
            salvage(directory)
        begin(directory, SETTINGS, UNITS, resume=True).close()
