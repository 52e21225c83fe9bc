"""The loop: rounds of all benchmarks in turn, for as long as one could still alarm, and what is concluded.

A comparison of two commits that do not differ raises a false alarm with probability at most α: each of m benchmarks is
tested at level α/m (Bonferroni).
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from villani_verify.errors import RequestError

from . import signed_rank
from .checkouts import Checkout
from .pairs import Benchmark, Round, Trouble, measure

Measure = Callable[[Benchmark, Mapping[str, Checkout], random.Random], Round | dict[str, Trouble]]


@dataclass(frozen=True)
class Rule:
    """When there is an alarm.

    Attributes:
        alpha: the most that a false alarm may be probable, over all benchmarks together.
        tolerance: a ratio up to 1 + this is no regression.
        rounds: pairs of processes a benchmark, if it is not decided before.
    """

    alpha: float = 0.01
    tolerance: float = 0.05
    rounds: int = 16

    def check(self, benchmarks: int) -> None:
        """Check that an alarm is possible with so many benchmarks.

        Raises:
            RequestError: if not.
        """
        if not 0 < self.alpha < 1:
            raise RequestError(
                f"--alpha {self.alpha:g}: it is no probability of a false alarm; give one between 0 and 1, such as 0.01"
            )
        if not 0 <= self.tolerance < math.inf:
            raise RequestError(f"--tolerance {self.tolerance:g}: it is no relative growth; give one from 0 up, such as 0.05")
        needed = math.ceil(math.log2(benchmarks / self.alpha))
        if self.rounds < needed:
            raise RequestError(
                f"--rounds {self.rounds}: with {benchmarks} benchmark(s) at --alpha {self.alpha:g} no alarm is possible; "
                f"give at least {needed}, or fewer benchmarks with --bench"
            )


@dataclass
class Finding:
    """What is known of one benchmark.

    Attributes:
        benchmark: which one.
        rounds: as measured.
        troubles: why there is no more, by side.
    """

    benchmark: Benchmark
    rounds: list[Round] = field(default_factory=list)
    troubles: dict[str, Trouble] = field(default_factory=dict)

    @property
    def log_ratios(self) -> list[float]:
        """Of head to base, one a round."""
        return [row.log_ratio for row in self.rounds]

    def may_alarm(self, rule: Rule, level: float) -> bool:
        """Say whether the rounds so far, or all, leave an alarm possible at that level."""
        return not self.troubles and signed_rank.p_value(self.log_ratios, rule.tolerance, rule.rounds) <= level

    def verdict(self, rule: Rule, level: float) -> str:
        """Return one of "regression", "no regression", "skipped", "broken" by the head, and "not comparable" as the base fails."""
        failed = {side for side, trouble in self.troubles.items() if trouble.kind == "failed"}
        if failed:
            return "broken" if failed == {"head"} else "not comparable"
        if self.troubles:
            return "skipped"
        return "regression" if self.may_alarm(rule, level) else "no regression"


@dataclass(frozen=True)
class Comparison:
    """All findings.

    Attributes:
        rule: when there is an alarm.
        level: at which each benchmark is tested.
        findings: one a benchmark.
    """

    rule: Rule
    level: float
    findings: list[Finding]

    @property
    def verdicts(self) -> list[str]:
        """Of the findings."""
        return [found.verdict(self.rule, self.level) for found in self.findings]

    @property
    def alarm(self) -> bool:
        """Whether a benchmark regressed or broke."""
        return not {"regression", "broken"}.isdisjoint(self.verdicts)

    @property
    def measured(self) -> int:
        """How many benchmarks have been compared."""
        return sum(verdict in ("regression", "no regression") for verdict in self.verdicts)


def compare(
    benchmarks: Sequence[Benchmark], sides: Mapping[str, Checkout], rule: Rule, draw: random.Random, *,
    measured: Measure = measure, say: Callable[[str], None] = lambda line: None,
) -> Comparison:  # fmt: skip
    """Measure rounds until every benchmark is decided.

    Args:
        benchmarks: at least one.
        sides: the two checkouts.
        rule: when there is an alarm.
        draw: decides the order of everything.
        measured: measures one round.
        say: is told how far it is.

    Raises:
        RequestError: if the rule allows no alarm.
    """
    rule.check(1)
    findings = [Finding(benchmark) for benchmark in benchmarks]
    going, level = findings, rule.alpha
    for number in range(1, rule.rounds + 1):
        say(f"round {number} of at most {rule.rounds}: {len(going)} benchmarks")
        for found in draw.sample(going, len(going)):
            result = measured(found.benchmark, sides, draw)
            if isinstance(result, Round):
                found.rounds.append(result)
            else:
                found.troubles = result
        if number == 1:
            # What this machine cannot run is found out in the first round, and is no test.
            tests = max(1, sum(not found.troubles for found in findings))
            rule.check(tests)
            level = rule.alpha / tests
        going = [found for found in going if found.may_alarm(rule, level)]
        if not going:
            break
    return Comparison(rule, level, findings)
