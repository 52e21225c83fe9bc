from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from villani_verify.errors import DeviceError, LandscapeError, ModelError, RequestError, TextError, VillaniError
from villani_verify.landscapes.request import LandscapeRequest, device_of, dtype_of
from villani_verify.landscapes.zoo import ZOO

BOWL = """
from villani_verify import Landscape

def bowl():
    return Landscape.from_function(
        lambda t: (t ** 2).sum(), 3, blocks={"a": 1, "b": 2}, weight_decay=0.5, name="mine", expected={"smoothness": "supported"}
    )

def broken():
    raise RuntimeError("first line\\nsecond line")

def refused():
    return Landscape.from_function(lambda t: t.sum(), 0)

def number():
    return 7

constant = 3
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "mine.py"
    path.write_text(BOWL)
    return str(path)


FULL = LandscapeRequest(
    landscape="gpt2-tiny", dataset="ptb", data_dir="d", tokenizer="classes", split="test", sequences=3, sequence_length=9,
    weight_decay=0.25, no_decay=("*.bias", "*.ln_*"), device="cpu", dtype="float32",
)  # fmt: skip


@pytest.mark.parametrize("request_", [LandscapeRequest(), FULL, LandscapeRequest(model="directory", weight_decay=1)])
def test_round_trip_through_json(request_: LandscapeRequest) -> None:
    values = json.loads(json.dumps(request_.as_dict(), allow_nan=False))
    assert LandscapeRequest.from_dict(values) == request_


def test_entries_left_out_take_their_defaults() -> None:
    assert LandscapeRequest.from_dict({"landscape": "double-well"}) == LandscapeRequest(landscape="double-well")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"landscap": "x"}, r"^request: it has an unknown entry 'landscap'; give the request of a results file$"),
        ({"sequences": "3"}, r"^request: sequences is '3', of the wrong type; give the request of a results file$"),
        ({"weight_decay": "0.1"}, r"^request: weight_decay is '0.1', of the wrong type"),
        ({"no_decay": "bias"}, r"^request: no_decay is 'bias', of the wrong type"),
        ({"dataset": None}, r"^request: dataset is None, of the wrong type"),
        ({"landscape": 4}, r"^request: landscape is 4, of the wrong type"),
        ({"device": ["cpu"]}, r"^request: device is \['cpu'\], of the wrong type"),
    ],
)
def test_a_request_that_was_tampered_with(values: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        LandscapeRequest.from_dict(values)


ANALYTIC = [name for name, entry in ZOO.items() if entry.kind == "analytic"]


@pytest.mark.parametrize("name", ANALYTIC)
def test_analytic_landscapes_of_the_zoo(name: str) -> None:
    request = LandscapeRequest(landscape=name)
    landscape = request.load()
    assert landscape.name == name
    assert landscape.expected == ZOO[name].expected
    assert landscape.request == request.as_dict()
    assert landscape.dtype == torch.float64


@pytest.mark.parametrize("name", ["gpt-neo-tiny", "gpt-neo-tiny-relu", "gpt-neo-tiny-undecayed-norms", "gpt2-tiny", "llama-tiny"])
def test_transformers_of_the_zoo(name: str) -> None:
    landscape = LandscapeRequest(landscape=name, sequences=2, sequence_length=8).load()
    assert landscape.name == name
    assert landscape.expected == ZOO[name].expected
    assert landscape.batches[0].shape == (2, 8)
    again = LandscapeRequest.from_dict(json.loads(json.dumps(landscape.request))).load()
    assert again.loss(again.initial) == landscape.loss(landscape.initial)


def test_the_default_is_the_small_gpt_neo() -> None:
    landscape = LandscapeRequest(sequences=1, sequence_length=8).load()
    assert (landscape.name, landscape.dimension) == ("gpt-neo-small", 232_064)


def test_text_options_reach_the_model(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("abcdefghijklmnopqrstuvwxyz")
    landscape = LandscapeRequest(landscape="gpt-neo-small", dataset=str(text), sequences=2, sequence_length=5).load()
    assert landscape.batches[0].tolist() == [[97, 98, 99, 100, 101], [102, 103, 104, 105, 106]]
    by_name = LandscapeRequest(
        landscape="gpt-neo-small", dataset=str(text), sequences=1, sequence_length=5, tokenizer="classes"
    ).load()
    assert int(by_name.batches[0].max()) < 7


@pytest.mark.parametrize("name", ["double-well", "gpt-neo-tiny"])
def test_weight_decay_and_dtype(name: str) -> None:
    landscape = LandscapeRequest(landscape=name, weight_decay=0.7, dtype="float32").load()
    assert set(landscape.decay.values()) == {0.7}
    assert landscape.dtype == torch.float32
    assert landscape.expected == ZOO[name].expected
    assert math.isfinite(landscape.check())


def test_no_decay_of_a_transformer_keeps_the_verdicts_that_follow() -> None:
    landscape = LandscapeRequest(landscape="gpt-neo-tiny", no_decay=("*.bias", "*.ln_*")).load()
    assert set(landscape.undecayed) == {n for n, t in landscape.initial.items() if t.dim() == 1}
    assert landscape.expected == ZOO["gpt-neo-tiny-undecayed-norms"].expected


def test_no_decay_of_an_analytic_landscape_leaves_no_expectation() -> None:
    landscape = LandscapeRequest(landscape="double-well", no_decay=("theta",)).load()
    assert set(landscape.decay.values()) == {0.0}
    assert landscape.expected == {}


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"tokenizer": "bytes"}, "--tokenizer"),
        ({"sequences": 2}, "--sequences"),
        ({"sequence_length": 8}, "--sequence-length"),
        ({"dataset": "ptb"}, "--dataset"),
    ],
)
def test_text_options_of_a_landscape_without_text(options: dict[str, Any], option: str, file: str) -> None:
    for reference in ("double-well", f"{file}:bowl"):
        with pytest.raises(RequestError, match=rf"^{option}: landscape '.*' has no text; leave it out$"):
            LandscapeRequest(landscape=reference, **options).load()


class TestFactory:
    def test_a_factory_s_landscape(self, file: str) -> None:
        landscape = LandscapeRequest(landscape=f"{file}:bowl").load()
        assert (landscape.name, landscape.dimension, landscape.decay) == ("mine", 3, {"a": 0.5, "b": 0.5})
        assert landscape.expected == {"smoothness": "supported"}
        assert landscape.request is not None
        assert landscape.request["landscape"] == f"{file}:bowl"

    def test_another_decay_leaves_no_expectation(self, file: str) -> None:
        landscape = LandscapeRequest(landscape=f"{file}:bowl", weight_decay=0.2, no_decay=("b",)).load()
        assert (landscape.decay, landscape.expected) == ({"a": 0.2, "b": 0.0}, {})
        landscape = LandscapeRequest(landscape=f"{file}:bowl", no_decay=("b",)).load()
        assert (landscape.decay, landscape.expected) == ({"a": 0.5, "b": 0.0}, {})

    def test_dtype(self, file: str) -> None:
        assert LandscapeRequest(landscape=f"{file}:bowl", dtype="float32").load().dtype == torch.float32

    @pytest.mark.parametrize(
        ("name", "kind", "message"),
        [
            ("nothing", RequestError, r"has no function 'nothing'; mend the name after the colon$"),
            ("constant", RequestError, r"has no function 'constant'"),
            ("broken", LandscapeError, r"the factory raised RuntimeError: first line second line; mend it$"),
            ("number", LandscapeError, r"the factory returned int, not a Landscape; return Landscape\.from_function"),
            ("refused", RequestError, r"^dimension of landscape 'function': 0 is not at least 1"),
        ],
    )
    def test_errors(self, file: str, name: str, kind: type[VillaniError], message: str) -> None:
        with pytest.raises(kind, match=message) as caught:
            LandscapeRequest(landscape=f"{file}:{name}").load()
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("name", ["missing.py", "text.txt", "."])
    def test_no_such_file(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "text.txt").write_text("x")
        with pytest.raises(RequestError, match=r"no Python file; give file\.py:factory, or a name `villani-verify zoo` lists$"):
            LandscapeRequest(landscape=f"{tmp_path / name}:bowl").load()

    @pytest.mark.parametrize(
        ("source", "raised"),
        [("1 / 0", "ZeroDivisionError: division by zero"), ("def (", "SyntaxError: .*"), ("raise SystemExit(3)", "SystemExit: 3")],
    )
    def test_a_file_that_cannot_be_imported(self, tmp_path: Path, source: str, raised: str) -> None:
        path = tmp_path / "bad.py"
        path.write_text(source)
        with pytest.raises(LandscapeError, match=rf"importing .*bad\.py raised {raised}; mend the file$"):
            LandscapeRequest(landscape=f"{path}:bowl").load()


@pytest.mark.parametrize(
    ("request_", "kind", "message"),
    [
        (
            LandscapeRequest(landscape="a", model="b"),
            RequestError,
            r"^--landscape a and --model b: they exclude each other; give one of them$",
        ),
        (
            LandscapeRequest(landscape="double-wel"),
            RequestError,
            r"^landscape 'double-wel': the zoo has none of that name; did you mean .*'double-well'",
        ),
        (
            LandscapeRequest(weight_decay=-0.1),
            RequestError,
            r"^weight decay -0.1: it is not a finite number ≥ 0; give one such as 0.1$",
        ),
        (LandscapeRequest(weight_decay=math.nan), RequestError, r"^weight decay nan: it is not a finite number ≥ 0"),
        (LandscapeRequest(weight_decay=math.inf), RequestError, r"^weight decay inf: it is not a finite number ≥ 0"),
        (LandscapeRequest(device="toaster"), DeviceError, r"^device 'toaster': there is no such device here; use one of cpu"),
        (LandscapeRequest(device="cuda:99"), DeviceError, r"^device 'cuda:99': there is no such device here; use one of cpu"),
        (
            LandscapeRequest(dtype="float46"),
            RequestError,
            r"^dtype 'float46': not one of float32, float64, .*\(did you mean 'float64'\?\)$",
        ),
        (
            LandscapeRequest(dtype="bfloat16"),
            RequestError,
            r"^dtype 'bfloat16': not one of float32, float64, and lower precision cannot",
        ),
        (
            LandscapeRequest(landscape="gpt-neo-tiny", no_decay=("*.gain",)),
            RequestError,
            r"^no-decay pattern '\*\.gain': no parameter",
        ),
        (LandscapeRequest(landscape="gpt-neo-tiny", sequence_length=17), RequestError, r"17"),
        (LandscapeRequest(landscape="gpt-neo-tiny", sequences=0), RequestError, r"^number of sequences: 0 is not at least 1"),
        (LandscapeRequest(landscape="gpt-neo-tiny", tokenizer="bytes"), TextError, r"^tokenizer 'bytes' of the wrong size"),
        (LandscapeRequest(landscape="gpt-neo-tiny", dataset="nowhere.txt"), VillaniError, r"nowhere\.txt"),
    ],
    ids=lambda x: None if isinstance(x, LandscapeRequest | type) else x[:24],
)
def test_errors(request_: LandscapeRequest, kind: type[VillaniError], message: str) -> None:
    with pytest.raises(kind, match=message):
        request_.load()


class TestModel:
    @pytest.fixture
    def directory(self, tmp_path: Path) -> str:
        from villani_verify.landscapes.architectures import gpt_neo_tiny

        path = tmp_path / "saved"
        gpt_neo_tiny().save_pretrained(path)
        return str(path)

    def test_a_saved_model(self, directory: str) -> None:
        request = LandscapeRequest(model=directory, tokenizer="classes", sequences=2, sequence_length=8, dtype="float64")
        landscape = request.load()
        assert (landscape.name, landscape.dimension, landscape.dtype) == ("saved", 822, torch.float64)
        assert landscape.batches[0].shape == (2, 8)
        assert set(landscape.decay.values()) == {0.1}
        assert landscape.request == request.as_dict()
        twin = LandscapeRequest(landscape="gpt-neo-tiny", sequences=2, sequence_length=8).load()
        assert landscape.loss(landscape.initial) == pytest.approx(twin.loss(twin.initial), rel=1e-12)

    def test_defaults(self, directory: str) -> None:
        landscape = LandscapeRequest(
            model=directory, tokenizer="classes", sequence_length=16, weight_decay=0.0, no_decay=("*.bias",)
        ).load()
        assert landscape.dtype == torch.float32
        assert landscape.batches[0].shape == (4, 16)
        assert set(landscape.decay.values()) == {0.0}

    def test_longer_than_the_model_s_positions(self, directory: str) -> None:
        with pytest.raises(RequestError, match="64"):
            LandscapeRequest(model=directory, tokenizer="classes").load()

    @pytest.mark.parametrize("option", ["sequences", "sequence_length"])
    def test_zero_is_not_the_default(self, directory: str, option: str) -> None:
        options: dict[str, Any] = {"sequence_length": 8} | {option: 0}
        with pytest.raises(RequestError, match=r": 0 is not at least"):
            LandscapeRequest(model=directory, tokenizer="classes", **options).load()

    def test_no_such_model(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match="nothing-here"):
            LandscapeRequest(model=str(tmp_path / "nothing-here")).load()


def test_devices_and_dtypes() -> None:
    assert device_of("cpu") == torch.device("cpu")
    assert device_of("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert (dtype_of(None), dtype_of("float32"), dtype_of("float64")) == (None, torch.float32, torch.float64)


def test_auto_takes_the_accelerator_if_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device_of("auto") == torch.device("cuda")
