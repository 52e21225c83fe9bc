"""Intervals of the Laplacian: plain means of probes, Hutch++, two levels, and drawing until the interval is narrow."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from villani_verify.calibration.case import LEVEL, Asked, Case, Replication
from villani_verify.calibration.subjects import Subject, heavy, light, of_landscape, one_direction, quadratic, small_network
from villani_verify.curvature.probes import derive_seed
from villani_verify.estimation.adaptive import laplacian_to_relative_error
from villani_verify.estimation.estimate import Estimate
from villani_verify.estimation.hutch_plus_plus import Deflation
from villani_verify.estimation.hutchinson import described, laplacian_estimate
from villani_verify.estimation.two_level import TwoLevel
from villani_verify.landscapes.zoo import zoo_entry

_SUBJECTS: dict[str, tuple[str, Callable[[], Subject]]] = {
    "light": ("matrix, light off the diagonal", lambda: quadratic(light())),
    "heavy": ("matrix, few large entries off the diagonal", lambda: quadratic(heavy())),
    "network": ("small network", lambda: of_landscape(small_network())),
    "gpt-neo-tiny": ("GPT-Neo tiny", lambda: of_landscape(zoo_entry("gpt-neo-tiny").make())),
    "one-direction": ("matrix of one direction", lambda: quadratic(one_direction())),
}
_FEW = (
    "Five samples are too few to see their own skewness, which is the largest there is where curvature has one direction only. The "
    "package asks for ten."
)
_LOOKS = "Each look at the samples spends part of the error probability, and most runs end at the first: a union bound."


def _covers(estimate: Estimate, truth: float) -> bool:
    low, high = estimate.interval(LEVEL)
    return low <= truth <= high


def _hutchinson(make: Callable[[], Subject], num_probes: int) -> Replication:
    subject = make()
    landscape, engine, truth = subject.landscape, subject.engine, subject.laplacian

    def replication(seed: int) -> bool:
        return _covers(laplacian_estimate(landscape, landscape.initial, engine=engine, num_probes=num_probes, seed=seed), truth)

    return replication


def _to_target(make: Callable[[], Subject], target: float, method: str) -> Replication:
    subject = make()
    landscape, engine, truth = subject.landscape, subject.engine, subject.laplacian

    def replication(seed: int) -> bool:
        estimate = laplacian_to_relative_error(
            landscape, landscape.initial, engine=engine, target=target, seed=seed, level=LEVEL, method=method
        )
        return _covers(estimate, truth)

    return replication


def _hutch_plus_plus(make: Callable[[], Subject], rank: int, num_samples: int) -> Replication:
    subject = make()
    landscape, engine, truth = subject.landscape, subject.engine, subject.laplacian
    nothing_known = Deflation.none(engine.trace_form(landscape, landscape.initial))

    def replication(seed: int) -> bool:
        deflation = nothing_known.extended(rank, seed=derive_seed(seed, "sketch"))
        return _covers(described(landscape, engine, deflation.samples(seed, range(num_samples))), truth)

    return replication


def _two_level(make: Callable[[], Subject], per_difference: int, num_samples: int) -> Replication:
    subject = make()
    landscape, engine, truth = subject.landscape, subject.engine, subject.laplacian
    rounded = engine.rounded(landscape)
    assert rounded is not None, "the subject has no cheaper samples"
    both = TwoLevel(landscape, landscape.initial, engine, rounded, per_difference)

    def replication(seed: int) -> bool:
        return _covers(described(landscape, engine, both.samples(seed, range(num_samples))), truth)

    return replication


def _plain_cases() -> list[Case]:
    cases = []
    for key, (what, make) in _SUBJECTS.items():
        for n in (10, 16, 64):
            cases.append(
                Case(f"hutchinson-{n}-{key}", "Laplacian, mean of probes", f"{n} probes; {what}", partial(_hutchinson, make, n))
            )
    what, make = _SUBJECTS["one-direction"]
    few = "hutchinson-5-one-direction", "Laplacian, mean of probes", f"5 probes; {what}", partial(_hutchinson, make, 5)
    return [*cases, Case(*few, Asked.NOTHING, _FEW)]


# Subject, method and the targets to which samples are drawn; tighter ones on the last two take an hour.
_TARGETS = (
    ("light", "hutchinson", (0.3, 0.1)), ("light", "hutch++", (0.3, 0.05)), ("light", "auto", (0.3, 0.05)),
    ("heavy", "hutchinson", (0.3, 0.1)), ("heavy", "hutch++", (0.3, 0.05)), ("heavy", "auto", (0.3, 0.05)),
    ("one-direction", "hutchinson", (0.3, 0.1)), ("one-direction", "hutch++", (0.3, 0.05)), ("one-direction", "auto", (0.3,)),
    ("network", "hutchinson", (0.3,)),
)  # fmt: skip


def _stopping_cases() -> list[Case]:
    return [
        Case(
            f"to-{target:g}-{method.replace('+', 'p')}-{key}", "Laplacian, drawn until narrow",
            f"to ± {100 * target:g} %, {method}; {_SUBJECTS[key][0]}", partial(_to_target, _SUBJECTS[key][1], target, method),
            Asked.AT_LEAST, _LOOKS,
        )
        for key, method, targets in _TARGETS
        for target in targets
    ]  # fmt: skip


def _rounding() -> Subject:
    return quadratic(light(), rounds=True)


LAPLACIAN: tuple[Case, ...] = (
    *_plain_cases(),
    *(
        Case(
            f"hutchpp-8-{key}", "Laplacian, Hutch++", f"8 dimensions known, 16 samples; {_SUBJECTS[key][0]}",
            partial(_hutch_plus_plus, _SUBJECTS[key][1], 8, 16),
        )
        for key in ("light", "heavy", "one-direction")
    ),
    Case(
        "two-level-8", "Laplacian, two levels", "12 differences, 8 rounded samples each; matrix, light off the diagonal",
        partial(_two_level, _rounding, 8, 12),
    ),
    *_stopping_cases(),
    Case(
        "to-0.05-two-level", "Laplacian, drawn until narrow", "to ± 5 %, two-level; matrix, light off the diagonal",
        partial(_to_target, _rounding, 0.05, "two-level"), Asked.AT_LEAST, _LOOKS,
    ),
)  # fmt: skip
"""Cases of ΔL."""
