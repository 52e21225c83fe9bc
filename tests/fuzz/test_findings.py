"""What fuzzing found, input by input; each ended in a traceback, a hang or gigabytes, and ends in one line now."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch

from fuzz.place import place
from fuzz.target import finding
from fuzz.targets import TARGETS
from fuzz.targets.campaign import store_bytes
from villani_verify.errors import ModelError
from villani_verify.landscapes.models import load_model
from villani_verify.runs.damage import DamagedStoreError
from villani_verify.runs.store import FILE, Store


def refused(name: str, data: bytes, *, seconds: float = 10) -> None:
    """Check that the input of a target is no finding, nor takes long."""
    target = TARGETS[name]()
    started = time.monotonic()
    found = finding(target, data)
    assert found is None, found
    assert time.monotonic() - started < seconds


@pytest.mark.parametrize(
    "data",
    [
        b'landscape = "double-well"\nradii = [1.0]\nprobes = 1000000000000000000\nprobes_per_unit = 1\n',
        b'landscape = "double-well"\nradii = [1.0]\nweight_decay = 1' + b"0" * 400 + b"\n",
        b'landscape = "double-well"\nradii = [0x' + b"f" * 6000 + b"]\n",
        b'landscape = "double-well"\nrays = 0x' + b"f" * 6000 + b"\n",
        b"radii = 1\n[[landscape]]\nsequences = 0x" + b"f" * 6000 + b"\n",
        b"radii = 1\n[[landscape]]\nno_decay = [1, [2]]\n",
        b"radii = 1\nlandscape = " + b"[" * 3000,
    ],
    ids=["probes", "large float", "digits", "digits of a count", "digits in a landscape", "patterns", "nested"],
)
def test_plan(data: bytes) -> None:
    refused("plan", data)


def test_a_plan_of_a_hundred_thousand_radii_is_not_compared_entry_by_entry() -> None:
    radii = ", ".join(str(1 + i / 7) for i in range(100_000))
    refused("plan", f'landscape = "double-well"\nradii = [{radii}]\n'.encode())


def _without_plan(v: dict[str, Any]) -> None:
    del v["settings"]["plan"]


def _plan_is_a_list(v: dict[str, Any]) -> None:
    v["settings"]["plan"] = []


def _settings_are_none(v: dict[str, Any]) -> None:
    v["settings"] = None


def _digest(text: object) -> Callable[[dict[str, Any]], None]:
    def change(v: dict[str, Any]) -> None:
        v["settings"]["landscapes"][0]["digest"] = text

    return change


def _result(value: object) -> Callable[[dict[str, Any]], None]:
    def change(v: dict[str, Any]) -> None:
        for row in v["rows"]:
            row[2] = value

    return change


def _unit(value: object) -> Callable[[dict[str, Any]], None]:
    def change(v: dict[str, Any]) -> None:
        v["rows"][0][1] = value

    return change


def _notes(v: dict[str, Any]) -> None:
    v["rows"][0][5] = [None]


@pytest.mark.parametrize(
    "change",
    [
        _without_plan, _plan_is_a_list, _settings_are_none, _digest("\ud800"), _digest(-1e308), _result(7), _result({}), _notes,
        _result({"loss": 0.5, "tensors": {"x": [1, 2]}}), _result({"engine": "exact", "dtype": "x", "samples": []}),
        _result({"loss": float("nan"), "tensors": {}}), _result({"loss": 10**400, "tensors": {"theta": [1, 1, 1]}}),
        _result({"criteria": {"smoothness": 3}}), _result("\ud800"), _unit([1, 2, 3]), _unit(["gradient", "", {}]), _unit([]),
    ],
)  # fmt: skip
def test_rows(change: Callable[[dict[str, Any]], None]) -> None:
    value = json.loads(TARGETS["rows"]().seeds()[0])
    change(value)
    refused("rows", json.dumps(value).encode())


def test_a_result_that_is_infinite_as_soon_as_it_is_read() -> None:
    seed = TARGETS["rows"]().seeds()[0]
    assert b'"loss": 0.5' in seed
    refused("rows", seed.replace(b'"loss": 0.5', b'"loss": 1e999'))


def test_a_length_of_gigabytes_in_the_table_that_is_an_index() -> None:
    data = bytearray(store_bytes(3))
    page = 4096
    cell = page + int.from_bytes(data[page + 8 : page + 10], "big")
    data[cell : cell + 10] = b"\xff" * 10
    refused("store", bytes(data))
    with place() as directory:
        (directory / FILE).write_bytes(data)
        with pytest.raises(DamagedStoreError, match="a length in its settings cannot be right"):
            Store.open(directory / FILE)


@pytest.mark.parametrize("table", ["about", "units", "results"])
def test_a_view_in_place_of_a_table_is_not_run(table: str) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i, i, i, i, i, i FROM n"
    with place() as directory:
        path = directory / FILE
        path.write_bytes(store_bytes(3))
        with contextlib.closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(f"DROP TABLE {table}")
            connection.execute(f"CREATE VIEW {table} AS {endless}")
        data = path.read_bytes()
    refused("store", data)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"CREATE TABLE failures", b"CREATE TABLE fail`res"),
        (b"number INTEGER", b"number\xff INTEGE"),
        (b'["gradient"', b'["gra\xffient"'),
    ],
)  # fmt: skip
def test_store(old: bytes, new: bytes) -> None:
    data = store_bytes(100)
    assert old in data
    refused("store", data.replace(old, new))


@pytest.mark.parametrize(("at", "byte"), [(6, 0x20), (8, 0x63), (30, 0xFF)])
def test_checkpoint(at: int, byte: int) -> None:
    data = bytearray(TARGETS["checkpoint"]().seeds()[0])
    data[at] |= byte
    refused("checkpoint", bytes(data))


@pytest.mark.parametrize("shape", [b"(10**9,)", b"(999999999999,)", b"(-1,)"])
def test_checkpoint_of_another_shape(shape: bytes) -> None:
    data = TARGETS["checkpoint"]().seeds()[0]
    assert b"'shape': (2, 3)" in data
    refused("checkpoint", data.replace(b"'shape': (2, 3)", b"'shape': " + shape))


def test_tokenizer_without_a_token_for_some_word() -> None:
    backend = {"version": "1.0", "model": {"type": "WordLevel", "vocab": {"The": 0, "cat": 1}, "unk_token": "[UNK]"}}
    refused("tokenizer", json.dumps(backend).encode())


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "llama"}, {"model_type": "gpt2"}, {"model_type": "gpt_neo", "attention_types": [[["global"], 10**9]]},
        {"model_type": "gpt_neo", "num_layers": 10**9}, {"model_type": "llama", "num_hidden_layers": 1, "hidden_size": 2**19},
        {"model_type": "gpt_neo", "max_position_embeddings": 10**6}, {"model_type": "llama", "text_config": {"num_layers": 10**9}},
    ],
)  # fmt: skip
def test_config_of_a_model_far_larger_than_its_weights(config: dict[str, object]) -> None:
    from fuzz.child import memory_limited
    from fuzz.targets.models import files, write

    data = json.dumps(config).encode()
    with place() as directory:
        write(directory, data, files()[1])
        with memory_limited(300 << 20), pytest.raises(ModelError, match=r"config\.json asks for"):
            load_model(str(directory))
    refused("config", data)


@pytest.mark.parametrize("kind", [1, "linear"])
def test_config_that_makes_no_model_is_refused_before_an_embedding_of_any_size_is_made(kind: object) -> None:
    from fuzz.child import memory_limited
    from fuzz.targets.models import files, write
    from villani_verify.landscapes.stored import stored_causal_lm

    # The attention has no such kind, which the library finds after the embedding, here of 28 TB.
    config = {
        "model_type": "gpt_neo",
        "vocab_size": 7 * 10**8,
        "hidden_size": 10_000,
        "num_layers": 2,
        "attention_types": [[[kind, kind], 1]],
    }
    data = json.dumps(config).encode()
    with place() as directory:
        write(directory, data, files()[1])
        for load in (load_model, lambda d: stored_causal_lm(d, torch.zeros(1, 2, dtype=torch.int64))):
            with memory_limited(300 << 20), pytest.raises(ModelError, match=r"mend the files$"):
                load(str(directory))
    refused("config", data)


@pytest.mark.parametrize("change", [{"dimension": None}, {"dimension": 10**400}, {"weight_decay": []}, {"name": {}}])
def test_results(change: dict[str, object]) -> None:
    value = json.loads(TARGETS["results"]().seeds()[1])
    value["landscape"] |= change
    if change.get("dimension", 0) is None:
        del value["landscape"]["dimension"]
    refused("results", json.dumps(value).encode())


@pytest.mark.parametrize("order", [10**12, -1])
def test_figure_of_a_derivative_of_an_order_that_is_none(order: int) -> None:
    from fuzz.targets.verified import kink

    value = json.loads(json.dumps(kink()))
    assert value["criteria"]["smoothness"]["evidence"]["mismatch"]
    value["criteria"]["smoothness"]["evidence"]["mismatch"][0]["order"] = order
    refused("figures", json.dumps(value).encode())


@pytest.mark.parametrize(
    "changes", [{"expansion_order": 10**6}, {"expansion_order": 10**400}, {"order": 10**12}, {"order": -(10**12)}]
)
def test_witness_of_a_kink_of_an_order_that_is_none(changes: dict[str, object]) -> None:
    from fuzz.targets.verified import kink

    refused("witness", json.dumps(kink()["criteria"]["smoothness"]["witness"] | changes).encode())


def test_witness_of_more_probes_than_anybody_draws() -> None:
    from fuzz.targets.verified import verified
    from villani_verify.errors import RequestError
    from villani_verify.landscapes.request import LandscapeRequest
    from villani_verify.replaying import replay

    witness = verified()["criteria"]["differential_growth_rays"]["witness"] | {"num_probes": 10**12}
    with pytest.raises(RequestError, match="1000000000000 probes"):
        replay(witness, LandscapeRequest(landscape="heavy-tails").load())


@pytest.mark.parametrize("name", ["criterion", "sentence"])
def test_witness_whose_criterion_is_no_text(name: str) -> None:
    ray = {"type": "ray", "kind": "sparse", "seed": 0, "index": 1, "base": "initial"}
    witness = {"kind": "slow-growth", "criterion": "x", "sentence": "", "family": ray, "level": 9, "parameters": [], name: []}
    refused("witness", json.dumps(witness).encode())
