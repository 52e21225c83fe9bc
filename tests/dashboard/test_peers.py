from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dashboard.peers import OWN, PEERS, UNIT, Trace, read_peers
from villani_verify.errors import RequestError


@pytest.fixture
def write(tmp_path: Path) -> Callable[[dict[str, Any]], Path]:
    def write(content: dict[str, Any]) -> Path:
        (tmp_path / "here.json").write_text(json.dumps(content))
        return tmp_path

    return write


def test_a_comparison_comes_back(write: Callable[..., Path], comparison: dict[str, Any]) -> None:
    (found,) = read_peers(write(comparison))
    assert found.machine == "here"
    assert found.measured == datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert found.setting == "gpt-neo-small, 1 × 32 tokens, cpu, torch 2.13.0, 2 threads"
    assert [c.name for c in found.contenders] == list(comparison["table"])
    assert [c.label for c in found.contenders] == ["forward pass", "villani-verify, taylor", "curvlinops", "PyHessian"]
    for c in found.contenders:
        row = comparison["table"][c.name]
        assert (c.seconds, c.memory_bytes) == (row.get("seconds_per_probe"), row.get("peak_memory_bytes"))
        assert (c.relative_error, c.failure) == (row.get("relative_error"), row.get("error"))


def test_a_gpu_and_its_products_are_named(write: Callable[..., Path], comparison: dict[str, Any]) -> None:
    comparison["about"]["device_name"] = "NVIDIA H200"
    for products, named in (("float32", "NVIDIA H200"), ("tf32", "NVIDIA H200 with TF32")):
        comparison["options"] |= {"device": "cuda", "products": products}
        (found,) = read_peers(write(comparison))
        assert found.setting == f"gpt-neo-small, 1 × 32 tokens, {named}, torch 2.13.0, 2 threads"


def test_traces_have_coverage_where_there_is_an_interval(write: Callable[..., Path], comparison: dict[str, Any]) -> None:
    (found,) = read_peers(write(comparison))
    traces = {c.name: c.trace for c in found.contenders}
    assert traces == {
        "forward pass": None, "taylor": Trace(5.678912, 38, 40), "curvlinops": None, "PyHessian": Trace(46.12345, None, 40)
    }  # fmt: skip
    assert found.has_traces
    for without in (None, "absent"):
        comparison["traces"] = without
        if without:
            del comparison["traces"]
        (found,) = read_peers(write(comparison))
        assert not found.has_traces
        assert len(found.contenders) == len(traces)


def test_others_are_held_against_this_package(write: Callable[..., Path], comparison: dict[str, Any]) -> None:
    comparison["table"]["hessian-eigenthings"] = {"seconds_per_probe": 0.09, "peak_memory_bytes": 2e9}
    (found,) = read_peers(write(comparison))
    assert found.own is not None
    assert found.fastest_peer is not None
    assert (found.own.name, found.fastest_peer.name) == ("taylor", "PyHessian")
    assert found.times_as_long(found.fastest_peer) == 0.0456789123 / 0.0123456789
    (failed,) = (c for c in found.contenders if c.failure)
    assert found.times_as_long(failed) is None


def test_without_this_package_or_others_there_is_nothing_to_compare(write: Callable[..., Path], comparison: dict[str, Any]) -> None:
    comparison["table"]["taylor"] = {"error": "RuntimeError"}
    del comparison["table"]["PyHessian"]
    (found,) = read_peers(write(comparison))
    assert (found.own, found.fastest_peer) == (None, None)
    assert found.times_as_long(found.contenders[0]) is None


def test_an_older_file_does_not_say_when(write: Callable[..., Path], comparison: dict[str, Any]) -> None:
    del comparison["about"]["measured"]
    (found,) = read_peers(write(comparison))
    assert found.measured is None


def test_no_folder_and_no_files_are_no_comparison(tmp_path: Path) -> None:
    assert read_peers(tmp_path) == read_peers(tmp_path / "nowhere") == ()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda c: c.pop("table"), "table: an object"),
        (lambda c: c["options"].pop("landscape"), r"options\.landscape: text"),
        (lambda c: c["traces"].pop("best"), r"traces\.best: an object"),
        (lambda c: c["traces"]["best"]["taylor"].pop("covered"), r"traces\.best\.taylor\.covered: a finite number"),
        (lambda c: c["table"]["taylor"].pop("peak_memory_bytes"), r"table\.taylor\.peak_memory_bytes: a finite number"),
    ],
)
def test_a_wrong_file_is_an_error(
    write: Callable[..., Path], comparison: dict[str, Any], spoil: Callable[[Any], object], message: str
) -> None:
    spoil(comparison)
    with pytest.raises(RequestError, match=rf"here\.json', {message}"):
        read_peers(write(comparison))


def test_the_contenders_have_the_names_that_the_comparison_gives_them(monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(__file__).resolve().parents[2]
    monkeypatch.syspath_prepend(str(root / "asv_bench" / "peers"))
    import contenders

    assert {OWN, UNIT, *PEERS} <= set(contenders.CONTENDERS)
