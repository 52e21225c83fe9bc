"""What is finished is kept, what is not is measured, and nothing of another request is mixed in."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from villani_verify.corpora import load_tokenizer
from villani_verify.errors import OutputError, RequestError, VillaniError
from villani_verify.landscapes.architectures import gpt_neo_tiny
from villani_verify.reproduction import run
from villani_verify.reproduction.claims import CLAIMS, SECTIONS, Finding
from villani_verify.reproduction.section import SectionResult
from villani_verify.reproduction.sizes import SIZES
from villani_verify.theory.weight_decay.training import Schedule

SMALL = replace(
    SIZES["small"],
    schedule=Schedule(steps=1, rows=1, length=8),
    training_rows=8,
    other_rows=4,
    rows=2,
    length=8,
    texts=("embedded",),
)


@pytest.fixture
def calls(monkeypatch):
    """Replace the measurements by ones that only say that they were asked."""
    made = []

    def section(name):
        def measure(*arguments):
            made.append(name)
            claims = [c.name for c in CLAIMS.values() if c.section == name]
            data = {"rows": [], "summaries": []} if name == "weight_decay" else {"number": float("inf")}
            return SectionResult(tuple(Finding(c, f"{c} <measured> | here", "refuted") for c in claims), data)

        return measure

    monkeypatch.setattr(run, "OF_A_TEXT", {name: section(name) for name in run.OF_A_TEXT})
    monkeypatch.setattr(run, "weight_decay", section("weight_decay"))
    return made


def test_every_claim_is_in_the_table_and_nothing_is_measured_twice(calls, tmp_path) -> None:
    request = run.Request(SMALL, ("embedded",))
    results = run.reproduce(request, tmp_path / "out")
    assert calls == list(SECTIONS)
    assert [f["claim"] for s in results["sections"] for f in s["findings"]] == list(CLAIMS)
    table = (tmp_path / "out" / "table.md").read_text(encoding="utf-8")
    assert len(table.splitlines()) == 2 + len(CLAIMS)
    assert "\\| here" in table
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert page.count("&lt;measured&gt; | here") == len(CLAIMS)
    again = run.reproduce(request, tmp_path / "out")
    assert calls == list(SECTIONS)
    assert again["sections"] == results["sections"]


def test_what_was_interrupted_goes_on_with_what_is_missing(calls, tmp_path, monkeypatch) -> None:
    request = run.Request(SMALL, ("embedded",))
    whole = dict(run.OF_A_TEXT)

    def interrupted(work):
        raise KeyboardInterrupt

    monkeypatch.setitem(run.OF_A_TEXT, "spectrum", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run.reproduce(request, tmp_path / "out")
    assert calls == ["criteria", "constants"]
    assert not (tmp_path / "out" / "index.html").exists()
    monkeypatch.setattr(run, "OF_A_TEXT", whole)
    run.reproduce(request, tmp_path / "out")
    assert calls == ["criteria", "constants", "spectrum", "langevin", "pac_bayes", "weight_decay"]


def test_the_model_is_trained_once(tmp_path, monkeypatch) -> None:
    from villani_verify.reproduction import subject

    parts = subject.text_parts("embedded", SMALL, None, load_tokenizer("bytes"))
    first = subject.subject_of("embedded", parts, SMALL, directory=tmp_path)
    monkeypatch.setattr(subject, "train", lambda *_, **__: pytest.fail("it was trained again"))
    second = subject.subject_of("embedded", parts, SMALL, directory=tmp_path)
    assert second.landscape.loss(second.landscape.initial) == first.landscape.loss(first.landscape.initial)
    assert first.landscape.loss(first.landscape.initial) != pytest.approx(5.545, abs=1e-4)  # ln 256: it was trained
    (tmp_path / "model-embedded.safetensors").write_bytes(b"no model")
    with pytest.raises(OutputError, match=r"it cannot be read .*; remove it and try again"):
        subject.subject_of("embedded", parts, SMALL, directory=tmp_path)


def test_a_model_is_loaded_that_knows_its_tokens_and_positions(calls, tmp_path, monkeypatch) -> None:
    directory = tmp_path / "model"
    gpt_neo_tiny().save_pretrained(directory)
    size = SMALL.changed(model=str(directory), tokenizer="classes", seeds=None)
    seen = []
    monkeypatch.setattr(run, "OF_A_TEXT", {"constants": lambda work: seen.append(work.subject) or SectionResult((), {})})
    run.reproduce(run.Request(size, ("embedded",), sections=("constants",)), tmp_path / "out")
    assert seen[0].landscape.dimension == 822
    assert not list((tmp_path / "out").glob("*.safetensors"))
    wrong = {"tokens": replace(size, tokenizer="bytes"), "positions": replace(size, length=17)}
    for what, message in (("tokens", "gave token .*but the model knows 7"), ("positions", "has only 16 positions")):
        with pytest.raises(VillaniError, match=message):
            run.reproduce(run.Request(wrong[what], ("embedded",), sections=("constants",)), tmp_path / what)
        assert not (tmp_path / what).exists()
    monkeypatch.setattr(run, "loaded_model", lambda *_, **__: pytest.fail("it was loaded for nothing"))
    results = run.reproduce(run.Request(size, ("embedded",), sections=("constants",)), tmp_path / "out")
    assert (results["model"], results["tokenizer"], results["study_seeds"]) == (str(directory), "classes", 2)
    assert str(directory) in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")


def test_other_weights_in_the_same_directory_are_another_reproduction(calls, tmp_path) -> None:
    directory, model = tmp_path / "model", gpt_neo_tiny()
    model.save_pretrained(directory)
    request = run.Request(
        SMALL.changed(model=str(directory), tokenizer="classes", seeds=None), ("embedded",), sections=("constants",)
    )
    run.reproduce(request, tmp_path / "out")
    with torch.no_grad():
        next(model.parameters()).mul_(2)
    model.save_pretrained(directory)
    with pytest.raises(OutputError, match="it holds a reproduction of another set of weights"):
        run.reproduce(request, tmp_path / "out")


def test_a_spectrum_beyond_the_memory_of_the_size_is_said_first(calls, tmp_path) -> None:
    gpt_neo_tiny().save_pretrained(tmp_path / "model")
    size = SMALL.changed(model=str(tmp_path / "model"), tokenizer="classes", seeds=None)
    size = replace(size, spectrum=replace(size.spectrum, memory=1e-6))
    with pytest.raises(
        RequestError, match=r"^size 'small': its spectrum allows 1e-06 GiB .* too few for 822 parameters; use --size full"
    ):
        run.reproduce(run.Request(size, ("embedded",)), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    run.reproduce(run.Request(size, ("embedded",), sections=("constants",)), tmp_path / "out")
    assert calls == ["constants"]


def test_only_the_sections_that_are_asked_for(calls, tmp_path) -> None:
    request = run.Request(SMALL, ("embedded",), sections=("spectrum", "weight_decay"))
    results = run.reproduce(request, tmp_path / "out")
    assert calls == ["spectrum", "weight_decay"]
    assert [s["section"] for s in results["sections"]] == ["spectrum", "weight_decay"]


def test_the_study_has_its_texts_on_the_device(calls, tmp_path, monkeypatch) -> None:
    def study(texts, *_):
        assert {rows.device.type for p in texts.values() for rows in (p.training, p.validation, p.test)} == {"meta"}
        calls.append("weight_decay")
        return SectionResult((), {"rows": [], "summaries": []})

    monkeypatch.setattr(run, "weight_decay", study)
    monkeypatch.setattr(run, "describe_environment", lambda _: {"device": "meta"})
    run.reproduce(run.Request(SMALL, ("embedded",), device="meta", sections=("weight_decay",)), tmp_path / "out")
    assert calls == ["weight_decay"]


@pytest.mark.parametrize("change", ["seed", r"size \(draws\)", r"size \(study\)", "texts"])
def test_a_directory_of_another_request_is_refused(calls, tmp_path, change) -> None:
    request = run.Request(SMALL, ("embedded",))
    run.reproduce(request, tmp_path / "out")
    (tmp_path / "wikitext-2").mkdir()
    for split in ("train", "valid"):
        (tmp_path / "wikitext-2" / f"{split}.txt").write_text("words and more words " * 400)
    other = {
        "seed": replace(request, seed=1),
        r"size \(draws\)": replace(request, size=replace(SMALL, draws=7)),
        r"size \(study\)": replace(request, size=SMALL.changed(model=None, tokenizer=None, seeds=3)),
        "texts": replace(request, texts=("wikitext-2",), data_dir=tmp_path),
    }
    with pytest.raises(OutputError, match=f"it holds a reproduction of another {change}"):
        run.reproduce(other[change], tmp_path / "out")


def test_a_directory_of_something_else_is_refused_and_left_alone(calls, tmp_path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match="it holds something else; give a new one"):
        run.reproduce(run.Request(SMALL, ("embedded",)), tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]
    assert calls == []


def test_a_damaged_section_is_said(calls, tmp_path) -> None:
    request = run.Request(SMALL, ("embedded",))
    run.reproduce(request, tmp_path / "out")
    file = tmp_path / "out" / "sections" / "spectrum-embedded.json"
    for damage in ("{", "{}", "[]", json.dumps({"section": "spectrum"})):
        file.write_text(damage)
        with pytest.raises(OutputError, match="it cannot be read; remove it, and it is measured again"):
            run.reproduce(request, tmp_path / "out")


def test_texts_that_are_none(calls, tmp_path) -> None:
    for texts in ((), ("embedded", "embedded")):
        with pytest.raises(RequestError, match="give at least one, and none twice"):
            run.Request(SMALL, texts)


def test_claims_and_sections_belong_together() -> None:
    assert set(SECTIONS) == {*run.OF_A_TEXT, run.OF_ALL_TEXTS}
    assert all(c.name == name for name, c in CLAIMS.items())
