from __future__ import annotations

import json
import math
import warnings
from dataclasses import replace

import pytest

from villani_verify.criteria import CRITERION_NAMES
from villani_verify.criteria.budget import Budget
from villani_verify.criteria.result import Cost, CriterionResult, Status
from villani_verify.criteria.settings import Settings
from villani_verify.errors import LandscapeError, RequestError
from villani_verify.landscape import Landscape
from villani_verify.memory import MemoryNote
from villani_verify.verification import CRITERIA, Verification, as_expected, strict_json, verify


def bowl(**options: object) -> Landscape:
    return Landscape.from_function(lambda t: 0.5 * t.square().sum(), 1, weight_decay=0.1, name="bowl", **options)  # type: ignore[arg-type]


def _fake(name: str, status: Status) -> CriterionResult:
    evidence = {"families": []} if name.startswith("differential_growth") else {}
    witness = {"kind": "made-up"} if status == Status.REFUTED else None
    return CriterionResult(name, status, "claim", "summary", "number", math.inf, (0.0, math.inf), 0.99, evidence, witness, Cost())


@pytest.fixture
def statuses(monkeypatch: pytest.MonkeyPatch) -> dict[str, Status]:
    """Replaces the criteria by ones that answer what this dictionary says."""
    answers = dict.fromkeys(CRITERION_NAMES, Status.SUPPORTED)
    for name in CRITERION_NAMES:
        monkeypatch.setitem(CRITERIA, name, lambda *_, name=name: _fake(name, answers[name]))  # type: ignore[misc]
    return answers


@pytest.fixture(scope="module")
def real() -> Verification:
    return verify(bowl(), seed=3, temperatures=(0.5,))


def test_the_results_are_strict_json_with_the_agreed_keys(real: Verification) -> None:
    results = real.as_dict()
    assert json.loads(json.dumps(results, allow_nan=False)) == results
    assert results["schema_version"] == 1
    assert (results["seed"], results["budget"], results["temperatures"]) == (3, "quick", [0.5])
    landscape = results["landscape"]
    assert (landscape["name"], landscape["dimension"], landscape["weight_decay"]) == ("bowl", 1, 0.1)
    assert landscape["dtype"] == "float64"
    assert set(results["environment"])
    assert list(results["criteria"]) == list(CRITERION_NAMES)
    for row in results["criteria"].values():
        assert {"status", "expected", "claim", "statistic", "interval", "level", "evidence", "witness", "cost"} <= set(row)
        assert row["status"] == "supported"
    assert results["verdict_as_expected"] is True
    assert results["interrupted"] is False


def test_critical_temperatures_are_those_of_the_closed_form(real: Verification) -> None:
    rows = real.as_dict()["critical_temperature"]
    assert len(rows) > 10
    for row in rows:
        assert set(row) == {"radius", "family", "value", "interval"}
        # F = 0.55x²: s* = 1.21r²/1.1.
        assert row["value"] == pytest.approx(1.1 * row["radius"] ** 2, rel=1e-9)
        assert row["interval"][0] <= row["value"] <= row["interval"][1]


def test_infinities_are_written_as_text(statuses: dict[str, Status]) -> None:
    row = verify(bowl()).as_dict()["criteria"]["smoothness"]
    assert row["statistic"] == "Infinity"
    assert row["interval"] == [0.0, "Infinity"]
    assert strict_json({"x": -math.inf, 1: (2.5, None, True), "s": Status.REFUTED}) == {
        "x": "-Infinity", "1": [2.5, None, True], "s": "refuted",
    }  # fmt: skip
    assert type(strict_json(Status.REFUTED)) is str


def test_a_nan_never_reaches_the_results() -> None:
    with pytest.raises(ValueError, match="a NaN reached the results"):
        strict_json({"evidence": [{"value": math.nan}]})


def test_without_expectations_only_a_refutation_is_unexpected(statuses: dict[str, Status]) -> None:
    assert verify(bowl()).verdict_as_expected
    statuses["smoothness"] = Status.INCONCLUSIVE
    statuses["gaussian_tails"] = Status.NOT_APPLICABLE
    assert verify(bowl()).verdict_as_expected
    statuses["quadratic_growth"] = Status.REFUTED
    found = verify(bowl()).as_dict()
    assert found["verdict_as_expected"] is False
    assert [n for n, row in found["criteria"].items() if not row["as_expected"]] == ["quadratic_growth"]
    assert found["criteria"]["quadratic_growth"]["expected"] is None


def test_with_expectations_the_status_must_be_that_one(statuses: dict[str, Status]) -> None:
    known = bowl(expected={"quadratic_growth": "refuted"})
    assert not verify(known).verdict_as_expected
    statuses["quadratic_growth"] = Status.INCONCLUSIVE
    assert not verify(known).verdict_as_expected
    statuses["quadratic_growth"] = Status.REFUTED
    assert verify(known).verdict_as_expected
    assert as_expected(_fake("smoothness", Status.SUPPORTED), known.expected)


def test_what_the_caller_expects_goes_before_what_the_landscape_does(statuses: dict[str, Status]) -> None:
    known = bowl(expected={"quadratic_growth": "refuted", "smoothness": "supported"})
    found = verify(known, expect={"quadratic_growth": "supported"})
    assert found.verdict_as_expected
    assert found.expected == {"quadratic_growth": "supported", "smoothness": "supported"}


def test_criteria_run_once_each_in_the_usual_order(statuses: dict[str, Status]) -> None:
    chosen = ["differential_growth_uniform", "smoothness", "smoothness"]
    assert list(verify(bowl(), criteria=chosen).as_dict()["criteria"]) == ["smoothness", "differential_growth_uniform"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"criteria": ["smoothnes"]}, r"criterion 'smoothnes': unknown; there are smoothness, .*did you mean 'smoothness'\?"),
        ({"expect": {"tails": "refuted"}}, r"criterion 'tails': unknown"),
        ({"expect": {"smoothness": "proved"}}, r"expected status 'proved' of smoothness: unknown; it is one of supported, refuted"),
        ({"budget": "huge"}, r"budget 'huge': unknown"),
        ({"engine": "sideways"}, r"engine 'sideways': unknown"),
        ({"temperatures": [0.0]}, r"temperature 0.0: it is not a positive finite number"),
        ({"temperatures": [1.0, -2.0]}, r"temperature -2.0"),
        ({"temperatures": [math.nan]}, r"temperature nan"),
        ({"temperatures": [math.inf]}, r"temperature inf"),
    ],
)
def test_wrong_requests_are_refused_in_one_line(options: dict[str, object], message: str) -> None:
    with pytest.raises(RequestError, match=message) as caught:
        verify(bowl(), **options)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_a_loss_that_is_no_landscape_is_refused_first(statuses: dict[str, Status]) -> None:
    with pytest.raises(LandscapeError, match="is negative, and the criteria need L ≥ 0"):
        verify(Landscape.from_function(lambda t: -1 - t.square().sum(), 1))


def test_running_out_of_memory_is_noted_once_and_other_warnings_pass(
    statuses: dict[str, Status], monkeypatch: pytest.MonkeyPatch
) -> None:
    def short_of_memory(landscape: Landscape, budget: Budget, settings: Settings) -> CriterionResult:
        for _ in range(2):
            warnings.warn("going on with 2 batches", MemoryNote, stacklevel=1)
        warnings.warn("something else", RuntimeWarning, stacklevel=1)
        return _fake("smoothness", Status.SUPPORTED)

    monkeypatch.setitem(CRITERIA, "smoothness", short_of_memory)  # type: ignore[misc]
    with pytest.warns(RuntimeWarning, match="something else"):
        found = verify(bowl())
    assert found.notes == ("going on with 2 batches",)
    assert found.as_dict()["notes"] == ["going on with 2 batches"]


def test_a_witness_carries_the_request_that_builds_its_landscape(statuses: dict[str, Status]) -> None:
    statuses["smoothness"] = Status.REFUTED
    assert verify(bowl()).as_dict()["criteria"]["smoothness"]["witness"] == {"kind": "made-up"}
    found = verify(replace(bowl(), request={"landscape": "bowl"})).as_dict()
    assert found["criteria"]["smoothness"]["witness"] == {"kind": "made-up", "request": {"landscape": "bowl"}}


def test_unequal_decays_are_listed(statuses: dict[str, Status]) -> None:
    landscape = Landscape.from_function(lambda t: t.square().sum(), 2, blocks={"a": 1, "b": 1}, weight_decay=0.1, no_decay=["b"])
    found = verify(landscape).as_dict()["landscape"]
    assert found["weight_decay"] == {"a": 0.1, "b": 0.0}
    assert found["undecayed"] == ["b"]


def test_progress_is_told(statuses: dict[str, Status], monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, int, int]] = []

    def telling(landscape: Landscape, budget: Budget, settings: Settings) -> CriterionResult:
        settings.progress("working", 1, 2)
        return _fake("smoothness", Status.SUPPORTED)

    monkeypatch.setitem(CRITERIA, "smoothness", telling)  # type: ignore[misc]
    verify(bowl(), progress=lambda *step: told.append(step))
    assert told == [("working", 1, 2)]
