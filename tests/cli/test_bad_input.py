"""Whatever is wrong with a request or its input: one line on standard error, status 2, and nothing written."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from villani_verify.verification import SCHEMA_VERSION

FACTORIES = """
import torch

from villani_verify import Landscape


def raises():
    raise ValueError("no data here\\nat all")


def none():
    return None


def needs(argument):
    return argument


def dimension_zero():
    return Landscape.from_function(lambda x: x.sum(), 0)


def nan():
    return Landscape.from_function(lambda x: (x * float("nan")).sum(), 2)


def infinite():
    return Landscape.from_function(lambda x: (x / 0).sum(), 2)


def negative():
    return Landscape.from_function(lambda x: -(x**2).sum(), 2)


def random():
    return Landscape.from_function(lambda x: (x**2).sum() * torch.rand(()), 2)


def vector():
    return Landscape.from_function(lambda x: x**2, 2)


def integer():
    return Landscape.from_function(lambda x: (x > 0).sum(), 2)


def number():
    return Landscape.from_function(lambda x: float((x**2).sum()), 2)


def detached():
    return Landscape.from_function(lambda x: (x.detach() ** 2).sum(), 2)


def index():
    return Landscape.from_function(lambda x: x[5], 2)


def negative_further_out():
    return Landscape.from_function(lambda x: 9 - (x**2).sum(), 2, weight_decay=0.1)


not_callable = 3
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with everything that can be wrong."""
    (tmp_path / "file").write_text("a file where a directory is needed", encoding="utf-8")
    (tmp_path / "factories.py").write_text(FACTORIES, encoding="utf-8")
    (tmp_path / "syntax.py").write_text("def broken(:\n", encoding="utf-8")
    (tmp_path / "import.py").write_text("import there_is_no_such_module\n", encoding="utf-8")
    (tmp_path / "empty.txt").touch()
    (tmp_path / "blank.txt").write_text(" \n\n", encoding="utf-8")
    (tmp_path / "short.txt").write_text("too short", encoding="utf-8")
    (tmp_path / "latin.txt").write_bytes("Käse und Brot".encode("latin-1") * 50)
    (tmp_path / "occupied").mkdir()
    (tmp_path / "occupied" / "precious.txt").write_text("keep me", encoding="utf-8")
    return tmp_path


@pytest.fixture
def refused(run: Callable[..., object], place: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return a function that runs a command that must be refused, and returns its one line."""
    monkeypatch.chdir(place)

    def call(*arguments: object) -> str:
        before = {p: p.read_bytes() for p in place.rglob("*") if p.is_file() and "__pycache__" not in p.parts}
        outcome = run(*arguments)
        lines = [line for line in outcome.err.splitlines() if not line.startswith("[")]  # without lines of progress
        assert outcome.status == 2, outcome
        assert outcome.out == ""
        assert len(lines) == 1, outcome.err
        assert lines[0].startswith("villani-verify: error: ")
        assert {p: p.read_bytes() for p in place.rglob("*") if p.is_file() and "__pycache__" not in p.parts} == before
        return lines[0]

    return call


VERIFY = ("verify", "--landscape", "double-well")
TINY = ("verify", "--landscape", "gpt-neo-tiny")
REQUESTS = {
    "landscape": (("verify", "--landscape", "double-wel"), ("'double-wel'", "'double-well'")),
    "landscape, empty": (("verify", "--landscape", ""), ("--landscape", "empty")),
    "landscape and model": ((*VERIFY, "--model", "m"), ("--landscape", "--model")),
    "model": (("verify", "--model", "./nowhere"), ("nowhere", "does not exist")),
    "model, empty": (("verify", "--model", ""), ("--model", "empty")),
    "data set": ((*TINY, "--dataset", "ptv"), ("'ptv'", "ptb")),
    "data directory": ((*TINY, "--dataset", "ptb", "--data-dir", "nowhere"), ("nowhere", "--data-dir")),
    "data directory without the file": ((*TINY, "--dataset", "ptb", "--data-dir", "."), ("ptb.valid.txt",)),
    "split": ((*TINY, "--split", "vaild"), ("'vaild'", "valid")),
    "tokenizer": ((*TINY, "--tokenizer", "./nowhere"), ("nowhere", "tokenizer")),
    "text for a formula": ((*VERIFY, "--dataset", "file"), ("double-well", "--dataset")),
    "criterion": ((*VERIFY, "--criteria", "smoothnes"), ("'smoothnes'", "'smoothness'")),
    "no criterion": ((*VERIFY, "--criteria", ","), ("criteria ','", "smoothness")),
    "method": (("psi", "--target-relative-error", "0.1", "--method", "hutch"), ("'hutch'", "'hutch++'")),
    "engine": ((*VERIFY, "--engine", "revers"), ("'revers'", "'reverse'")),
    "budget": ((*VERIFY, "--budget", "quik"), ("'quik'", "'quick'")),
    "status": ((*VERIFY, "--expect", "smoothness=true"), ("'true'", "supported")),
    "expected criterion": ((*VERIFY, "--expect", "smooth=supported"), ("'smooth'", "'smoothness'")),
    "expectation": ((*VERIFY, "--expect", "smoothness"), ("'smoothness'", "NAME=STATUS")),
    "expectation not checked": (
        (*VERIFY, "--criteria", "smoothness", "--expect", "gaussian_tails=supported"),
        ("gaussian_tails", "--criteria"),
    ),
    "dtype": ((*VERIFY, "--dtype", "float46"), ("'float46'", "float64")),
    "bfloat16": ((*VERIFY, "--dtype", "bfloat16"), ("bfloat16", "float32")),
    "integer dtype": ((*VERIFY, "--dtype", "int64"), ("int64", "float64")),
    "device": ((*VERIFY, "--device", "tpu"), ("'tpu'", "cpu")),
    "device of a model": ((*TINY, "--device", "tpu"), ("'tpu'", "cpu")),
    "negative weight decay": ((*VERIFY, "--weight-decay", "-0.1"), ("-0.1", "≥ 0")),
    "weight decay NaN": ((*VERIFY, "--weight-decay", "nan"), ("nan", "≥ 0")),
    "weight decay infinite": ((*TINY, "--weight-decay", "inf"), ("inf", "≥ 0")),
    "no-decay pattern": ((*TINY, "--no-decay", "*.biass"), ("'*.biass'",)),
    "negative temperature": ((*VERIFY, "--temperature", "-1"), ("-1", "positive")),
    "zero temperature": ((*VERIFY, "--temperature", "0"), ("0", "positive")),
    "temperature NaN": ((*VERIFY, "--temperature", "nan"), ("nan", "positive")),
    "temperature infinite": ((*VERIFY, "--temperature", "inf"), ("inf", "positive")),
    "no sequences": ((*TINY, "--sequences", "0"), ("0", "sequences")),
    "sequence of one token": ((*TINY, "--sequence-length", "1"), ("1", "at least 2")),
    "sequence beyond the positions": ((*TINY, "--sequence-length", "5000"), ("5000", "positions")),
    "empty text": ((*TINY, "--dataset", "empty.txt"), ("empty.txt", "empty")),
    "blank text": ((*TINY, "--dataset", "blank.txt"), ("blank.txt", "blank")),
    "short text": ((*TINY, "--dataset", "short.txt"), ("tokens", "longer text")),
    "text that is not UTF-8": ((*TINY, "--dataset", "latin.txt"), ("latin.txt", "UTF-8")),
    "missing text": ((*TINY, "--dataset", "missing.txt"), ("missing.txt", "no such file")),
    "directory as text": ((*TINY, "--dataset", "./occupied"), ("occupied", "directory")),
    "tokenizer of the wrong size": ((*TINY, "--tokenizer", "bytes"), ("256", "7")),
    "occupied output": ((*VERIFY, "--out", "occupied"), ("occupied", "not empty")),
    "output that is a file": ((*VERIFY, "--out", "file"), ("file", "directory")),
    "output below a file": ((*VERIFY, "--out", "file/report"), ("file/report", "directory")),
    "JSON in a missing directory": ((*VERIFY, "--json", "nowhere/r.json"), ("nowhere", "no directory")),
    "JSON below a file": ((*VERIFY, "--json", "file/r.json"), ("file/r.json", "directory")),
    "JSON that is a directory": ((*VERIFY, "--json", "occupied"), ("occupied", "directory")),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_request(refused, name):
    arguments, parts = REQUESTS[name]
    line = refused(*arguments)
    for part in parts:
        assert part in line


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
@pytest.mark.parametrize("landscape", ["double-well", "gpt-neo-tiny"])
def test_no_such_cuda_device(refused, landscape):
    assert "cuda:7" in refused("psi", "--landscape", landscape, "--device", "cuda:7")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("factories.py:raises", ("raises", "ValueError", "no data here at all")),
        ("factories.py:none", ("none", "NoneType", "Landscape")),
        ("factories.py:needs", ("needs", "argument")),
        ("factories.py:not_callable", ("no function", "not_callable")),
        ("factories.py:absent", ("absent",)),
        ("factories.py:dimension_zero", ("dimension", "0")),
        ("factories.py:", ("factories.py",)),
        ("factories.py", ("factories.py",)),
        ("missing.py:bowl", ("missing.py",)),
        ("occupied:bowl", ("occupied",)),
        ("syntax.py:broken", ("syntax.py", "SyntaxError")),
        ("import.py:bowl", ("import.py", "there_is_no_such_module")),
    ],
)
def test_factory(refused, name, parts):
    line = refused("verify", "--landscape", name)
    for part in parts:
        assert part in line


@pytest.mark.parametrize("command", ["verify", "psi"])
@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("nan", ("nan", "not finite")),
        ("infinite", ("inf", "not finite")),
        ("negative", ("negative", "L ≥ 0")),
        ("random", ("not deterministic",)),
        ("vector", ("shape (2,)", "scalar")),
        ("integer", ("int64", "scalar")),
        ("number", ("float", "scalar")),
        ("detached", ("does not depend", "detach")),
        ("index", ("IndexError",)),
    ],
)
def test_loss(refused, command, name, parts):
    line = refused(command, "--landscape", f"factories.py:{name}")
    for part in parts:
        assert part in line


@pytest.mark.parametrize("arguments", [("verify", "--criteria", "quadratic_growth"), ("psi", "--radius", "10")])
def test_a_loss_that_turns_negative_away_from_its_reference_point(refused, arguments):
    line = refused(*arguments, "--landscape", "factories.py:negative_further_out")
    assert "negative" in line
    assert "radius" in line


@pytest.mark.parametrize(
    ("files", "parts"),
    [
        ({}, ("config.json",)),
        ({"config.json": b'{"model_type": "gpt2"}', "pytorch_model.bin": b"cos\nsystem"}, ("pickle", "safetensors")),
        ({"config.json": b'{"model_type": "gpt2"}', "model.safetensors": b"\x00" * 40}, ("damaged",)),
        ({"config.json": b'{"model_type": "gpt2"}'}, ("no weights",)),
        ({"config.json": b"{", "model.safetensors": b""}, ("config.json",)),
        ({"config.json": b'{"model_type": "novel"}', "model.safetensors": b""}, ("config.json", "model_type")),
    ],
)
def test_model_directory(refused, place, files, parts):
    (place / "model").mkdir()
    for name, content in files.items():
        (place / "model" / name).write_bytes(content)
    line = refused("verify", "--model", "./model")
    for part in ("model", *parts):
        assert part in line


@pytest.mark.parametrize("command", ["replay", "report"])
@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (b"not JSON", ("not JSON",)),
        (b"", ("not JSON",)),
        (b"\xff\xfe", ("not UTF-8",)),
        (b"[1, 2]", ("no JSON object",)),
        (b"{}", ("schema_version",)),
        (json.dumps({"schema_version": SCHEMA_VERSION + 1}).encode(), ("schema_version", str(SCHEMA_VERSION))),
        (json.dumps({"schema_version": SCHEMA_VERSION, "criteria": []}).encode(), ("criteria",)),
        (None, ("No such file",)),
    ],
)
def test_results_file(refused, place, command, content, parts):
    if content is not None:
        (place / "results.json").write_bytes(content)
    line = refused(command, "results.json", *(["--out", "new"] if command == "report" else []))
    assert not (place / "new").exists()
    for part in ("results.json", *parts):
        assert part in line


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify", "--landscape", "gpt-neo-tiny", "--tokenizer", "bytes", "--out", "report"),
        ("verify", "--landscape", "factories.py:random", "--json", "r.json"),
        ("psi", "--landscape", "factories.py:nan", "--json", "-"),
    ],
)
def test_in_a_process_of_its_own(place, environment, arguments):
    # Here also whatever libraries print as they are imported would be seen.
    done = subprocess.run(
        [sys.executable, "-m", "villani_verify.cli", *arguments],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stderr.splitlines() if not line.startswith("[")]
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(lines) == 1, done.stderr
    assert not (place / "report").exists()
    assert not (place / "r.json").exists()
