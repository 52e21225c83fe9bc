"""False alarms and power of whole comparisons, by simulation of the machine, and what is concluded from what was measured."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from gate import pairs
from gate.checkouts import Checkout
from gate.comparison import Comparison, Rule, compare
from gate.pairs import Benchmark, Round, Trouble
from scipy.stats import binom

from villani_verify.errors import RequestError

SIDES = {side: Checkout("", Path(side)) for side in ("base", "head")}
BUDGET = 1e-6
"""Probability with which a right gate fails one of these tests by chance; the seeds are fixed besides."""


def benchmarks(number: int) -> list[Benchmark]:
    return [Benchmark(str(i), f"benchmark {i}", "seconds", 60.0) for i in range(number)]


class Machine:
    """A machine whose state changes with every call, whoever is running: log seconds of a call as a function of the time."""

    def __init__(self, seed: int, log_ratio: float = 0.0) -> None:
        self.draw = random.Random(seed)
        self.log_ratio = log_ratio
        self.level = 0.0

    def log_seconds(self, side: str, luck: float) -> float:
        return self.noise() + luck + (self.log_ratio if side == "head" else 0.0)

    def noise(self) -> float:
        return self.draw.gauss(0.0, 0.1)

    def luck(self) -> float:
        """What a process has for as long as it lives."""
        return 0.0


class HeavyTails(Machine):
    def noise(self) -> float:
        # Student-t with two degrees of freedom has no variance.
        return 0.05 * self.draw.gauss(0, 1) / math.sqrt(self.draw.expovariate(1.0))


class Drift(Machine):
    def noise(self) -> float:
        self.level += 0.02 + self.draw.gauss(0, 0.02)
        return self.level


class TwoStates(Machine):
    def noise(self) -> float:
        # Another job starts and ends: 40 % slower for a while.
        if self.draw.random() < 0.2:
            self.level = 0.4 - self.level
        return self.level + self.draw.gauss(0, 0.02)


class SecondIsSlower(Machine):
    def luck(self) -> float:
        # Of the two processes of a round the one that starts second is at a disadvantage.
        self.level = 0.1 - self.level
        return self.level + self.draw.gauss(0, 0.05)


class LuckyProcesses(Machine):
    def luck(self) -> float:
        return self.draw.gauss(0, 0.1)


MACHINES: list[type[Machine]] = [Machine, HeavyTails, Drift, TwoStates, SecondIsSlower, LuckyProcesses]


def run(
    machine: Machine, rule: Rule, number: int, monkeypatch: pytest.MonkeyPatch, slower: Sequence[str] | None = None
) -> Comparison:
    """Compare on that machine; only the benchmarks with these identities are slower, by default all."""

    class Simulated:
        def __init__(self, checkout: Checkout, folder: Path, benchmark: Benchmark) -> None:
            differs = slower is None or benchmark.identity in slower
            self.side = checkout.folder.name if differs else "base"
            self.luck = machine.luck()

        def __enter__(self) -> Simulated:
            return self

        def __exit__(self, *error: object) -> None: ...

        def ask(self) -> None: ...

        def answer(self) -> float:
            return math.exp(machine.log_seconds(self.side, self.luck))

    monkeypatch.setattr(pairs, "Worker", Simulated)
    return compare(benchmarks(number), SIDES, rule, random.Random(machine.draw.random()))


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: m.__name__)
@pytest.mark.parametrize("log_ratio", [0.0, math.log1p(0.05)], ids=["equal", "at the tolerance"])
def test_false_alarms_are_no_more_frequent_than_stated(
    machine: type[Machine], log_ratio: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The worst case is a true ratio of exactly 1 + tolerance. A large α, so that few comparisons tell much.
    rule, comparisons = Rule(alpha=0.2, tolerance=math.expm1(log_ratio), rounds=10), 200
    alarms = sum(run(machine(seed, log_ratio), rule, 5, monkeypatch).alarm for seed in range(comparisons))
    assert alarms <= binom.ppf(1 - BUDGET, comparisons, rule.alpha)


def test_the_rate_is_not_far_below_the_stated_one_either(monkeypatch: pytest.MonkeyPatch) -> None:
    # Or the test would be blunt. One benchmark, as Bonferroni wastes little then; 10 rounds reach 0.188 of 0.2.
    rule, comparisons = Rule(alpha=0.2, tolerance=0.0, rounds=10), 400
    alarms = sum(run(Machine(seed), rule, 1, monkeypatch).alarm for seed in range(comparisons))
    assert alarms >= binom.ppf(BUDGET, comparisons, 0.18)


@pytest.mark.parametrize("machine", [Drift, TwoStates], ids=lambda m: m.__name__)
def test_twenty_percent_are_caught_and_named(machine: type[Machine], monkeypatch: pytest.MonkeyPatch) -> None:
    caught = 0
    for seed in range(60):
        comparison = run(machine(seed, math.log(1.2)), Rule(), 9, monkeypatch, slower=["4"])
        caught += comparison.verdicts == ["no regression"] * 4 + ["regression"] + ["no regression"] * 4
    # Seen: all but at most one.
    assert caught >= 55


@pytest.mark.parametrize("log_ratio", [math.log(0.8), 0.0, math.log(1.02)], ids=["faster", "equal", "2 % slower"])
def test_what_cannot_alarm_any_more_is_measured_no_further(log_ratio: float, monkeypatch: pytest.MonkeyPatch) -> None:
    comparison = run(TwoStates(0, log_ratio), Rule(), 9, monkeypatch)
    assert not comparison.alarm
    assert max(len(found.rounds) for found in comparison.findings) < 10


SKIPPED, FAILED = Trouble("skipped", "no CUDA device"), Trouble("failed", "ValueError: no")
FLAT = Round((1.0,), (1.0,))
SLOWER = Round((1.0,), (1.5,))
Result = Round | dict[str, Trouble]


def measuring(results: Mapping[str, Result | list[Result]]) -> Callable[..., Result]:
    """Return a stand-in for `measure`: for each identity one result, or a list of them."""

    def measured(benchmark: Benchmark, sides: Mapping[str, Checkout], draw: random.Random) -> Result:
        found = results[benchmark.identity]
        return found.pop(0) if isinstance(found, list) else found

    return measured


@pytest.mark.parametrize(
    ("result", "verdict", "alarm"),
    [
        (FLAT, "no regression", False),
        (SLOWER, "regression", True),
        ({"base": SKIPPED, "head": SKIPPED}, "skipped", False),
        ({"head": SKIPPED}, "skipped", False),
        ({"head": FAILED}, "broken", True),
        ({"base": FAILED}, "not comparable", False),
        ({"base": FAILED, "head": FAILED}, "not comparable", False),
        ({"base": SKIPPED, "head": FAILED}, "broken", True),
        ([SLOWER, SLOWER, {"head": FAILED}], "broken", True),
    ],
)
def test_verdicts(result: Result | list[Result], verdict: str, alarm: bool) -> None:
    comparison = compare(benchmarks(2), SIDES, Rule(), random.Random(0), measured=measuring({"0": result, "1": FLAT}))
    assert comparison.verdicts == [verdict, "no regression"]
    assert comparison.alarm == alarm
    assert comparison.measured == 1 + verdict.endswith("regression")


def test_what_was_skipped_takes_no_share_of_the_false_alarms() -> None:
    results: dict[str, Result | list[Result]] = {str(i): {"base": SKIPPED} for i in range(8)} | {"8": FLAT, "9": SLOWER}
    comparison = compare(benchmarks(10), SIDES, Rule(), random.Random(0), measured=measuring(results))
    assert comparison.level == pytest.approx(0.01 / 2)
    assert comparison.measured == 2


def test_nothing_measured_is_no_alarm_and_counts_as_nothing() -> None:
    comparison = compare(benchmarks(1), SIDES, Rule(), random.Random(0), measured=measuring({"0": {"base": SKIPPED}}))
    assert (comparison.measured, comparison.alarm) == (0, False)


def test_an_alarm_needs_all_rounds() -> None:
    rule = Rule(rounds=12)
    comparison = compare(benchmarks(1), SIDES, rule, random.Random(0), measured=measuring({"0": [SLOWER] * 12}))
    assert len(comparison.findings[0].rounds) == 12
    assert comparison.verdicts == ["regression"]


def test_rounds_of_all_benchmarks_come_in_turn_and_are_announced() -> None:
    seen, said = [], []

    def measured(benchmark: Benchmark, sides: Mapping[str, Checkout], draw: random.Random) -> Round:
        seen.append(benchmark.identity)
        return SLOWER

    compare(benchmarks(5), SIDES, Rule(), random.Random(0), measured=measured, say=said.append)
    rounds = [seen[i : i + 5] for i in range(0, 80, 5)]
    assert all(sorted(row) == list("01234") for row in rounds)
    assert len({tuple(row) for row in rounds}) > 1
    assert said[0] == "round 1 of at most 16: 5 benchmarks"
    assert len(said) == 16


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (Rule(alpha=0.0), r"^--alpha 0: .* between 0 and 1, such as 0\.01$"),
        (Rule(alpha=math.nan), "^--alpha nan: "),
        (Rule(alpha=1.0), "^--alpha 1: "),
        (Rule(tolerance=-0.1), r"^--tolerance -0\.1: .* give one from 0 up"),
        (Rule(tolerance=math.inf), "^--tolerance inf: "),
        (Rule(rounds=9), r"^--rounds 9: with 9 benchmark\(s\) at --alpha 0\.01 no alarm is possible; give at least 10, or fewer"),
    ],
)
def test_rules_that_allow_no_alarm_are_refused(rule: Rule, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        compare(benchmarks(9), SIDES, rule, random.Random(0), measured=measuring({str(i): SLOWER for i in range(9)}))


def test_the_fewest_rounds_allow_an_alarm_and_what_is_skipped_needs_none() -> None:
    results: dict[str, Result | list[Result]] = {str(i): SLOWER if i < 9 else {"base": SKIPPED} for i in range(90)}
    assert compare(benchmarks(90), SIDES, Rule(rounds=10), random.Random(0), measured=measuring(results)).alarm
