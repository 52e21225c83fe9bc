"""Each section on a tiny model: it finishes, speaks of its claims, and says what the numbers say."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from villani_verify import Landscape
from villani_verify.journal import Journal
from villani_verify.landscapes.architectures import gpt_neo_tiny
from villani_verify.reproduction.claims import CLAIMS
from villani_verify.reproduction.page import study_tables
from villani_verify.reproduction.section import SectionResult, Work
from villani_verify.reproduction.sections import weight_decay as weight_decay_module
from villani_verify.reproduction.sections.constants import constants
from villani_verify.reproduction.sections.langevin import langevin
from villani_verify.reproduction.sections.pac_bayes import pac_bayes
from villani_verify.reproduction.sections.spectrum import spectrum
from villani_verify.reproduction.sizes import SIZES, Langevin
from villani_verify.reproduction.subject import Subject
from villani_verify.theory.spectrum.settings import SpectrumSettings
from villani_verify.theory.weight_decay.quantities import Effort
from villani_verify.theory.weight_decay.study import Plan
from villani_verify.theory.weight_decay.text import Parts
from villani_verify.theory.weight_decay.training import Schedule
from villani_verify.verification import strict_json

SIZE = replace(
    SIZES["small"],
    rows=2,
    spectrum=SpectrumSettings(num_probes=2, steps=8),
    langevin=Langevin((1.0, 10.0), (1e-4,), chains=4, steps=140),
    draws=20,
    study=Plan((0.01, 0.1), (0,), Schedule(steps=3, rows=2, length=8), Effort(10, 2, 1e-4, 4, 140, draws=10)),
)


@pytest.fixture(scope="module")
def work() -> Work:
    tokens = torch.from_numpy(np.random.default_rng(0).integers(0, 7, 60 * 8)).reshape(60, 8)
    parts = Parts(tokens[:20], tokens[20:40], tokens[40:])
    model = gpt_neo_tiny()
    landscape = Landscape.causal_lm(model, parts.training[:2], weight_decay=0.1, name="tiny")
    return Work(Subject("random", model, parts, landscape), SIZE, seed=0)


def checked(name: str, found: SectionResult) -> str:
    """Everything that a section must have; returns what it says of its one claim."""
    assert [f.claim for f in found.findings] == [c.name for c in CLAIMS.values() if c.section == name]
    json.dumps(strict_json(found.data), allow_nan=False)
    assert all(f.svg.startswith("<svg") for f in found.figures)
    return f"{found.findings[0].measured} -> {found.findings[0].verdict}"


def test_constants(work) -> None:
    said = checked("constants", found := constants(work))
    assert "Of twelve wells in one dimension 7 have a Poincaré constant above the bound" in said
    assert said.endswith("refuted as a bound from λ and d")
    assert "(d = 822, λ = 0.1, s = 2) the bound is 8.22e+04" in said
    assert len(found.data["wells"]) == 12
    assert len(found.data["slices"]) + len(found.data["skipped"]) == 6


def test_spectrum(work) -> None:
    said = checked("spectrum", found := spectrum(work))
    assert "at 1‖θ₀‖" in said
    assert "at 16‖θ₀‖" in said
    first, second, third = found.data["over_decays"]
    assert second["largest"] - first["largest"] == pytest.approx(0.09)
    assert third["largest"] - second["largest"] == pytest.approx(0.9)
    assert len(found.figures) == 4


def test_langevin(work) -> None:
    said = checked("langevin", found := langevin(work))
    assert len(found.data["cells"]) == 2
    # At λ = 10 the decay rules: ‖θ‖² falls like exp(−2λt), and faster with steps as long as these, where ηλ is 0.7.
    rates = [c["relaxation"]["rate"] for c in found.data["cells"]]
    assert 20 < rates[1]["value"] < 40
    assert "at λ = 10, s = 0.0001 (decay alone 10" in said
    assert "not tested" in said or said.endswith("exponential")


def test_pac_bayes(work) -> None:
    said = checked("pac_bayes", found := pac_bayes(work))
    assert "n = 20 sequences" in said
    assert "vacuous" in said
    assert len(found.figures) == 1


def test_weight_decay(work, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(weight_decay_module, "gpt_neo_small", gpt_neo_tiny)
    journal = Journal(tmp_path / "study.jsonl")
    found = weight_decay_module.weight_decay({"random": work.subject.parts}, SIZE, journal, lambda *_: None)
    said = checked("weight_decay", found)
    assert said.startswith("4 models.")
    assert said.endswith("none chose better than a grid search of the same trainings")
    assert len(journal.lines) == 4
    assert len(found.figures) == 2
    assert {s["quantity"] for s in found.data["summaries"]} >= {"validation_loss", "critical_temperature"}
    models, order = study_tables(found.data)
    assert len(models["rows"]) == 4
    assert len(order["rows"]) == 2 * 5
    for table in (models, order):
        assert all(len(row) == len(table["columns"]) for row in table["rows"])
    lam, bound = float(models["rows"][0][2]), models["rows"][0][7]
    assert float(bound.replace("×10⁶", "e6").replace(",", "")) == pytest.approx(1 / lam + 822 / lam**2, rel=0.01)
