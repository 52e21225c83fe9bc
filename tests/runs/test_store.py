from __future__ import annotations

import dataclasses
import json
import math
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.runs.stores import EXPECTED, SETTINGS, UNITS, begun, contents, filled, killed, result_of
from villani_verify.errors import OutputError, RequestError
from villani_verify.runs import store as module
from villani_verify.runs.campaign import merge
from villani_verify.runs.damage import DamagedStoreError
from villani_verify.runs.store import FILE, Counts, Store
from villani_verify.runs.unit import canonical


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "campaign"


def test_a_new_store_has_its_units_and_no_result(directory: Path) -> None:
    with begun(directory) as store:
        assert store.counts() == Counts(20, 0, 0)
        assert [store.unit(n) for n, _ in store.pending()] == UNITS
        assert [label for _, label in store.pending()] == [u.label for u in UNITS]
        assert store.settings == json.loads(canonical(SETTINGS))
        assert list(store.results()) == []
        store.check()


def test_what_is_recorded_is_read_back_to_the_last_bit(directory: Path) -> None:
    filled(directory).close()
    with Store.open(directory / FILE) as store:
        found = list(store.results())
        assert found == [result_of(n) for n in range(20)]
        assert contents(store) == EXPECTED
        minus_zero = found[1].value["tensors"]["x"][2]
        assert math.copysign(1, minus_zero) == -1
        assert store.counts() == Counts(20, 20, 0)
        assert store.pending() == []


def test_the_fingerprint_depends_on_results_alone(tmp_path: Path) -> None:
    other_order = [dataclasses.replace(result_of(n), worker="host 2", seconds=9.0, notes=()) for n in reversed(range(20))]
    with filled(tmp_path / "a") as a, begun(tmp_path / "b") as b:
        for r in other_order:
            b.record(r)
        assert a.fingerprint() == b.fingerprint()
    with filled(tmp_path / "c", range(19)) as c:
        assert c.fingerprint() != a_fingerprint(tmp_path)
        c.record(result_of(19, value={"loss": math.nextafter(19 / 7, 3)}))
        assert c.fingerprint() != a_fingerprint(tmp_path)


def a_fingerprint(tmp_path: Path) -> str:
    with Store.open(tmp_path / "a" / FILE) as store:
        return store.fingerprint()


def test_a_result_is_counted_once(directory: Path) -> None:
    with begun(directory) as store:
        assert store.record(result_of(3)) is True
        assert store.record(dataclasses.replace(result_of(3), worker="another")) is False
        assert store.counts() == Counts(20, 1, 0)
        with pytest.raises(RequestError, match="unit 3 has two different results, the second from host 1") as e:
            store.record(result_of(3, value=1))
        assert "\n" not in str(e.value)
        assert contents(store) == {3: EXPECTED[3]}


def test_a_failure_is_kept_until_there_is_a_result(directory: Path) -> None:
    with begun(directory) as store:
        store.fail(2, "by order", 3)
        store.fail(5, "by order", 3)
        assert store.counts() == Counts(20, 0, 2)
        assert store.counts().pending == 18
        assert store.failures() == [(2, "by order", 3), (5, "by order", 3)]
        store.record(result_of(2))
        assert store.failures() == [(5, "by order", 3)]
    with begun(directory, resume=True) as store:  # which tries them again
        assert store.failures() == []
        assert {n for n, _ in store.pending()} == set(range(20)) - {2}


@pytest.mark.parametrize("value", [float("nan"), {"x": float("inf")}, object(), {"x": {1, 2}}])
def test_a_value_that_is_no_plain_json_is_refused_and_changes_nothing(directory: Path, value: object) -> None:
    with begun(directory) as store:
        with pytest.raises((TypeError, ValueError)):
            store.record(result_of(0, value=value))
        assert store.record(result_of(0)) is True  # no transaction is left open


def test_other_settings_or_mathematics_are_refused(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with begun(directory) as store:
        with pytest.raises(RequestError, match=r"it was made with plan\.seed 0, not 1"):
            store.check_settings(SETTINGS | {"plan": SETTINGS["plan"] | {"seed": 1}})
        store.check_settings(SETTINGS)
        monkeypatch.setattr(module, "mathematics", lambda: "f" * 32)
        with pytest.raises(RequestError, match="other mathematics made it") as e:
            store.check_settings(SETTINGS)
        assert "\n" not in str(e.value)


def test_a_store_of_another_schema_is_refused(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as later:
        later.setattr(module, "SCHEMA_VERSION", 99)
        begun(directory).close()
    with pytest.raises(RequestError, match="made it with schema 99") as e:
        Store.open(directory / FILE)
    assert not isinstance(e.value, DamagedStoreError)


def test_there_must_be_a_store(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="there is none; give the directory of a campaign"):
        Store.open(tmp_path / FILE)


@pytest.mark.parametrize("content", [b"", b"\0" * 5000, b"SQLite format 3\0", b"not a database at all" * 300])
def test_another_file_is_no_store(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(DamagedStoreError, match="it is damaged, or none of villani-verify"):
        Store.open(tmp_path / FILE)


def test_a_database_that_is_in_use_is_not_called_damaged(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun(directory).close()
    with sqlite3.connect(directory / FILE, isolation_level=None) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("DELETE FROM failures")
        connect = sqlite3.connect
        monkeypatch.setattr(module.sqlite3, "connect", lambda *a, **k: connect(*a, **(k | {"timeout": 0})))
        with pytest.raises(RequestError, match=r"cannot be read .*locked") as e:
            Store.open(directory / FILE)
        assert not isinstance(e.value, DamagedStoreError)
    other.close()


def test_a_stale_write_ahead_file_is_not_taken_for_the_end_of_a_new_store(tmp_path: Path) -> None:
    with filled(tmp_path / "old"):
        left = killed(tmp_path / "old", tmp_path / "left")
    (left / FILE).unlink()
    assert (left / f"{FILE}-wal").stat().st_size > 0
    with begun(left) as store:
        assert store.counts() == Counts(20, 0, 0)
        store.check()


def test_a_unit_that_vanished_is_noticed(directory: Path) -> None:
    filled(directory).close()
    with sqlite3.connect(directory / FILE, isolation_level=None) as connection:
        connection.execute("DELETE FROM units WHERE number = 19")
    connection.close()
    with Store.open(directory / FILE) as store:
        with pytest.raises(DamagedStoreError, match="it has 19 of 20 units"):
            store.counts()
        with pytest.raises(DamagedStoreError):
            store.check()
        with pytest.raises(DamagedStoreError):
            list(store.results())


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE units SET unit = replace(unit, 'ray', 'raz') WHERE number = 4",
        "UPDATE results SET result = replace(result, '1', '2') WHERE number = 4",
        "UPDATE results SET result = CAST(result AS BLOB) WHERE number = 4",
        "UPDATE results SET number = 25 WHERE number = 4",
        "UPDATE results SET number = -1 WHERE number = 4",
        # Another's, with the checksum that belongs to it.
        "UPDATE results SET (result, checksum) = (SELECT result, checksum FROM results WHERE number = 5) WHERE number = 4",
    ],
)
def test_whatever_is_changed_in_a_result_is_noticed(directory: Path, change: str) -> None:
    filled(directory).close()
    with sqlite3.connect(directory / FILE, isolation_level=None) as connection:
        connection.execute(change)
    connection.close()
    with Store.open(directory / FILE) as store:
        with pytest.raises(DamagedStoreError, match="salvage") as e:
            store.check()
        assert "\n" not in str(e.value)
        with pytest.raises(DamagedStoreError):
            list(store.results())
        with pytest.raises(DamagedStoreError):
            store.fingerprint()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        *((name, "the checksum of its settings is wrong") for name in ("settings", "mathematics", "units", "version")),
        ("schema_version", "made it with schema 3"),
    ],
)
def test_whatever_is_changed_about_the_store_is_noticed(directory: Path, name: str, message: str) -> None:
    begun(directory).close()
    with sqlite3.connect(directory / FILE, isolation_level=None) as connection:
        connection.execute("UPDATE about SET value = replace(value, '1', '3') WHERE name = ?", (name,))
        connection.execute("UPDATE about SET value = value || ' ' WHERE name = ?", (name,))
    connection.close()
    with pytest.raises(RequestError, match=message):
        Store.open(directory / FILE)


def test_what_the_reader_of_results_raises_is_not_taken_for_damage(directory: Path) -> None:
    def reader(store: Store) -> None:
        for _ in store.results():
            raise ValueError("the reader's own")

    with filled(directory) as store, pytest.raises(ValueError, match="the reader's own"):
        reader(store)


def test_a_disk_that_is_full_loses_nothing(directory: Path) -> None:
    def record_much(store: Store) -> None:
        for n in range(1, 20):
            store.record(dataclasses.replace(result_of(n), worker="w" * 4000))

    with begun(directory) as store:
        store.record(result_of(0))
        pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
        store._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(OutputError, match=r"cannot be written .*full.*what was kept before is whole"):
            record_much(store)
        kept = contents(store)
        assert kept == {n: EXPECTED[n] for n in range(len(kept))}
        store._connection.execute(f"PRAGMA max_page_count = {pages + 1000}")
        for n in range(20):
            store.record(result_of(n))
        assert contents(store) == EXPECTED
        store.check()


class Operations(RuleBasedStateMachine):
    """A store does what a dictionary of results and one of failures do, through deaths, doubles and mergers."""

    numbers = st.integers(0, 19)

    @initialize()
    def start(self) -> None:
        self._paths = iter_paths()
        self.directory = next(self._paths)
        self.store = begun(self.directory)
        self.finished: set[int] = set()
        self.failed: set[int] = set()

    @rule(n=numbers)
    def record(self, n: int) -> None:
        assert self.store.record(result_of(n)) is (n not in self.finished)
        self.finished.add(n)
        self.failed.discard(n)

    @precondition(lambda self: self.finished)
    @rule(data=st.data())
    def record_something_else(self, data: st.DataObject) -> None:
        n = data.draw(st.sampled_from(sorted(self.finished)))
        with pytest.raises(RequestError, match="two different results"):
            self.store.record(result_of(n, value=[n]))

    @rule(n=numbers)
    def fail(self, n: int) -> None:
        if n not in self.finished:  # the coordinator has either
            self.store.fail(n, "by order", 3)
            self.failed.add(n)

    @rule()
    def close_and_open(self) -> None:
        self.store.close()
        self.store = Store.open(self.directory / FILE)

    @rule()
    def die_and_resume(self) -> None:
        dead, self.directory = self.store, killed(self.directory, next(self._paths))
        dead.close()
        self.store = begun(self.directory, resume=True)
        self.failed.clear()

    @rule(others=st.sets(numbers, max_size=4))
    def merge_another(self, others: set[int]) -> None:
        source = next(self._paths)
        filled(source, others).close()
        self.store.close()
        merged = merge(self.directory, [source])
        assert (merged.new, merged.same) == (len(others - self.finished), len(others & self.finished))
        self.finished |= others
        self.failed.clear()  # which a merger tries again, like any that goes on
        self.store = Store.open(self.directory / FILE)

    @invariant()
    def is_what_the_dictionaries_are(self) -> None:
        assert self.store.counts() == Counts(20, len(self.finished), len(self.failed))
        assert contents(self.store) == {n: EXPECTED[n] for n in self.finished}
        assert [n for n, _, _ in self.store.failures()] == sorted(self.failed)
        assert [n for n, _ in self.store.pending()] == sorted(set(range(20)) - self.finished)
        self.store.check()

    def teardown(self) -> None:
        self.store.close()


def iter_paths() -> Iterator[Path]:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        i = 0
        while True:
            yield Path(name) / str(i)
            i += 1


TestOperations = Operations.TestCase
TestOperations.settings = settings(
    max_examples=8, stateful_step_count=10, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
