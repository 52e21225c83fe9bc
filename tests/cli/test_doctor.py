from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import torch

from villani_verify.cli.checks import machine
from villani_verify.cli.checks.finding import Finding
from villani_verify.cli.checks.landscape import landscape_findings
from villani_verify.cli.checks.machine import machine_findings, nested_forward_mode_error
from villani_verify.curvature.double_backward import DoubleBackward
from villani_verify.landscape import Landscape


def of(findings: list[Finding], name: str) -> list[Finding]:
    return [f for f in findings if f.name == name]


def test_the_default_landscape_is_healthy(run):
    outcome = run("doctor")
    assert outcome.status == 0
    assert "gpt-neo-tiny has 822 parameters" in outcome.out
    assert "FAIL" not in outcome.out
    assert torch.__version__ in outcome.out


def test_json_lists_the_checks(run, landscapes):
    outcome = run("doctor", "--landscape", f"{landscapes}:bowl", "--json", "-")
    found = json.loads(outcome.out)
    assert found["healthy"] is True
    assert {c["status"] for c in found["checks"]} <= {"OK", "NOTE"}
    assert {"versions", "processor", "cuda", "packages", "landscape", "loss", "determinism", "dtype", "engines"} <= {
        c["name"] for c in found["checks"]
    }
    assert found["environment"]["packages"]["torch"] == torch.__version__


def test_a_hidden_cast_fails_the_audit_and_the_exit_status(run, tmp_path):
    (tmp_path / "cast.py").write_text(
        "from villani_verify import Landscape\n"
        "def cast():\n"
        "    return Landscape.from_function(lambda x: (x.float() ** 2).sum().double() + x.cos().sum() + 2, 2, name='cast')\n",
        encoding="utf-8",
    )
    outcome = run("doctor", "--landscape", f"{tmp_path / 'cast.py'}:cast")
    assert outcome.status == 1
    line = next(line for line in outcome.out.splitlines() if line.startswith("FAIL"))
    assert "dtype" in line


def test_random_and_negative_losses_fail():
    for loss, word in ((lambda x: (x**2).sum() * torch.rand(()), "not deterministic"), (lambda x: x.sum() - 9, "negative")):
        findings = list(landscape_findings(Landscape.from_function(loss, 2)))
        assert findings[-1].status == "FAIL"
        assert word in findings[-1].sentence


def test_an_engine_that_is_wrong_is_noticed(monkeypatch):
    forms = DoubleBackward.quadratic_forms

    def wrong(self, landscape, point, *, seed, indices):
        return [1.001 * form for form in forms(self, landscape, point, seed=seed, indices=indices)]

    monkeypatch.setattr(DoubleBackward, "quadratic_forms", wrong)
    findings = of(list(landscape_findings(Landscape.from_function(lambda x: (x**4).sum(), 3))), "engines")
    # Against the other engine, and against central differences.
    assert [f.status for f in findings] == ["FAIL", "FAIL"]


def test_an_operation_without_forward_derivative_is_a_note():
    class Reverse(torch.autograd.Function):
        """x², with a backward pass only."""

        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**2

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 2 * x * g

    findings = of(list(landscape_findings(Landscape.from_function(lambda x: Reverse.apply(x).sum(), 3))), "engines")
    assert findings[0].status == "NOTE"
    assert "'forward-over-reverse' cannot be used" in findings[0].sentence
    assert all(f.status == "OK" for f in findings[1:])


def test_undecayed_tensors_are_a_note():
    landscape = Landscape.from_function(lambda x: (x**2).sum(), 3, blocks={"a": 1, "b": 2}, weight_decay=0.1, no_decay=["b"])
    (finding,) = of(list(landscape_findings(landscape)), "weight decay")
    assert finding.status == "NOTE"
    assert "1 of 2 tensors, such as b" in finding.sentence


def test_a_landscape_larger_than_memory_is_a_note(monkeypatch):
    monkeypatch.setattr("villani_verify.cli.checks.landscape.available_memory", lambda: 10)
    (finding,) = of(list(landscape_findings(Landscape.from_function(lambda x: (x**2).sum(), 3))), "landscape")
    assert finding.status == "NOTE"
    assert "only 10 B are free" in finding.sentence


def test_missing_packages_are_notes_that_say_what_is_lost(monkeypatch):
    from importlib import util

    find = util.find_spec
    monkeypatch.setattr(util, "find_spec", lambda name: None if name == "datasets" else find(name))
    notes = [f for f in machine_findings(ask_hub=False) if f.name == "packages" and f.status == "NOTE"]
    assert len(notes) == 1
    assert "--data-dir" in notes[0].sentence


@pytest.mark.parametrize(("answers", "status"), [(True, "OK"), (False, "NOTE")])
def test_the_hub_is_asked_only_on_request(monkeypatch, answers, status):
    asked = []
    monkeypatch.setattr("villani_verify.corpora.hub.hub_is_reachable", lambda: asked.append(1) or answers)
    assert of(list(machine_findings(ask_hub=False)), "hub") == []
    assert asked == []
    assert [f.status for f in of(list(machine_findings(ask_hub=True)), "hub")] == [status]


def test_nested_forward_mode_is_reported_as_it_is_here():
    (finding,) = of(list(machine_findings(ask_hub=False)), "nested forward mode")
    assert finding.status == ("OK" if nested_forward_mode_error() < 1e-10 else "NOTE")


@pytest.mark.parametrize("triton", [True, False])
def test_a_gpu_without_triton_is_noted(monkeypatch: pytest.MonkeyPatch, triton: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda i: SimpleNamespace(name="A GPU", total_memory=80 << 30))
    monkeypatch.setattr(machine, "why_no_kernels", lambda device: None if triton else "Triton is missing: install triton")
    found = machine._cuda()
    assert found.status == ("OK" if triton else "NOTE")
    assert ("install triton" in found.sentence) is not triton
    assert "cuda:0 is A GPU with 80 GiB" in found.sentence
