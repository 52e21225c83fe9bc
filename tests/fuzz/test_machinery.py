"""The fuzzing itself: what it takes for a finding, and what it keeps of one."""

from __future__ import annotations

import itertools
import resource
from pathlib import Path

import pytest

from fuzz.__main__ import main
from fuzz.child import memory_limited
from fuzz.inputs import mutants
from fuzz.minimise import minimised
from fuzz.target import Target, finding
from villani_verify.errors import RequestError, TextError


def planted(data: bytes) -> None:
    if b"lines" in data:
        raise RequestError("one\ntwo")
    if b"silent" in data:
        raise RequestError("")
    if b"fault" in data:
        raise KeyError("x")
    if b"panic" in data:
        raise BaseException("a library's own")
    if b"wrong" in data:
        raise TextError("text: wrong; mend it")


TARGET = Target("planted", "nothing", lambda: [b"seed", b"other 1"], planted, tokens=(b"fault",))


@pytest.mark.parametrize(
    ("data", "kind"),
    [(b"lines", "ManyLinesError"), (b"silent", "ManyLinesError"), (b"fault", "KeyError"), (b"panic", "BaseException")],
)
def test_what_is_a_finding(data: bytes, kind: str) -> None:
    found = finding(TARGET, data)
    assert found is not None
    assert found.key.startswith(kind)
    assert "Traceback" in found.text


@pytest.mark.parametrize("data", [b"", b"wrong"])
def test_a_value_and_a_refusal_are_none(data: bytes) -> None:
    assert finding(TARGET, data) is None


def test_mutants_are_the_same_ones_each_time_and_find_what_is_planted() -> None:
    first, second = (list(itertools.islice(mutants(TARGET, TARGET.seeds(), 0), 300)) for _ in range(2))
    assert first == second
    assert first != list(itertools.islice(mutants(TARGET, TARGET.seeds(), 1), 300))
    assert len(set(first)) > 150
    assert any(finding(TARGET, data) for data in first)


def test_mutants_of_json_are_mostly_json() -> None:
    import json

    target = Target("json", "JSON", lambda: [b'{"a": [1, 2.5, "x"], "b": {"c": null}}'], planted, structured=True)

    def whole(data: bytes) -> bool:
        try:
            json.loads(data)
        except (ValueError, RecursionError):
            return False
        return True

    found = list(itertools.islice(mutants(target, target.seeds(), 0), 200))
    assert sum(map(whole, found)) > 100


def test_a_finding_is_made_smaller() -> None:
    assert minimised(b"a long text with a fault in the middle of it", lambda d: b"fault" in d, seconds=5) == b"fault"


def test_memory_is_limited() -> None:
    before = resource.getrlimit(resource.RLIMIT_AS)
    with memory_limited(64 << 20), pytest.raises(MemoryError):
        bytearray(1 << 30)
    assert resource.getrlimit(resource.RLIMIT_AS) == before


@pytest.mark.slow
def test_a_target_runs_for_a_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--seconds", "20", "--out", str(tmp_path)]) == 0
    assert "0 findings" in capsys.readouterr().out
    assert not list((tmp_path / "plan").glob("finding-*"))
