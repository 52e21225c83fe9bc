"""The estimator in any order of work: probes drawn in parts, saved, resumed and merged give what all at once give.

A state machine draws probes of two seeds in pieces, in whole or in halved batches, and merges what it has. The mean and its error
are compared with those of all probes drawn at once: to the last bit for reverse mode, which takes probes one by one, and within
rounding where passes share products, or sums run over other batches.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import pytest
from hypothesis import assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test
from torch import Tensor

from villani_verify.curvature.double_backward import DoubleBackward
from villani_verify.curvature.fallback import TaylorOrReverse
from villani_verify.errors import RequestError
from villani_verify.estimation.probe_samples import Address, ProbeSamples
from villani_verify.landscape import Landscape
from villani_verify.points import Point
from villani_verify.testing.observations import observe, observe_family
from villani_verify.testing.strategies import FamilyPoint, points, seeds
from villani_verify.testing.tolerances import Tolerance

PROBES_A_SEED = 4
PLACES = st.integers(0, 2 * PROBES_A_SEED - 1)


class Forms(TaylorOrReverse):
    """Samples that are quadratic forms: those of Taylor arithmetic may change with the cut of batches, forms do not."""

    def laplacian_samples(self, landscape: Landscape, point: Point, *, seed: int, indices: Sequence[int]) -> list[float]:
        """Return quadratic forms; see `Engine`."""
        return self.quadratic_forms(landscape, point, seed=seed, indices=indices)


# Name → engine, whether its samples agree to the last bit while batches are whole, and whether batches may be cut.
WAYS = {
    "reverse": (DoubleBackward(), True, True),
    "taylor": (TaylorOrReverse(), False, False),
    "taylor forms": (Forms(), False, True),
}


class EstimatorMachine(RuleBasedStateMachine):
    """Parts of an estimate, and all its samples drawn at once to compare with."""

    def __init__(self, landscape: Landscape, way: str, tolerance: Tolerance) -> None:
        super().__init__()
        self.landscape = landscape
        self.tolerance = tolerance
        self.engine, self.exact, halving = WAYS[way]
        halved = landscape.halved() if halving else None
        self.cuts = [landscape] if halved is None else [landscape, halved]
        self.theta: dict[str, Tensor] = {}
        self.at_once: dict[Address, float] = {}
        self.undrawn: dict[int, list[int]] = {}
        self.parts: list[ProbeSamples] = []

    @initialize(data=st.data(), seed=seeds())
    def start(self, data: st.DataObject, seed: int) -> None:
        """Draw a point, and all samples at once."""
        point: FamilyPoint = data.draw(points(self.landscape, max_exponent=1), label="point")
        observe_family(point.family)
        self.theta = point.build(self.landscape)
        assume(math.isfinite(self.landscape.loss(self.theta)))
        for each in (seed, seed + 1):
            self.undrawn[each] = list(range(PROBES_A_SEED))
            whole = self.engine.laplacian_samples(self.landscape, self.theta, seed=each, indices=range(PROBES_A_SEED))
            self.at_once |= {(each, k): x for k, x in enumerate(whole)}
        assume(all(map(math.isfinite, self.at_once.values())))

    @precondition(lambda self: any(self.undrawn.values()))
    @rule(data=st.data(), size=st.integers(1, PROBES_A_SEED), cut=st.integers(0, 1))
    def draw(self, data: st.DataObject, size: int, cut: int) -> None:
        """Draw probes that were not drawn, in any order, so many a pass."""
        seed = data.draw(st.sampled_from([seed for seed, left in self.undrawn.items() if left]), label="seed")
        indices = data.draw(st.lists(st.sampled_from(self.undrawn[seed]), min_size=1, unique=True), label="indices")
        landscape = self.cuts[cut % len(self.cuts)]
        self.exact = self.exact and landscape is self.landscape
        pieces = [indices[i : i + size] for i in range(0, len(indices), size)]
        first, *others = (ProbeSamples.draw(landscape, self.theta, engine=self.engine, seed=seed, indices=p) for p in pieces)
        self.undrawn[seed] = [k for k in self.undrawn[seed] if k not in indices]
        self.parts.append(first.merged(*others))

    @precondition(lambda self: len(self.parts) > 1)
    @rule(one=PLACES, other=PLACES)
    def merge(self, one: int, other: int) -> None:
        """Merge two parts, in both orders."""
        a, b = self.taken(one), self.taken(other)
        self.parts.append(a.merged(b))
        assert b.merged(a).estimate() == self.parts[-1].estimate()

    @precondition(lambda self: self.parts)
    @rule(place=PLACES)
    def save_and_resume(self, place: int) -> None:
        """Go on from what was saved."""
        part = self.taken(place)
        self.parts.append(ProbeSamples.from_dict(json.loads(json.dumps(part.as_dict()))))
        assert self.parts[-1] == part

    @precondition(lambda self: self.parts)
    @rule(place=PLACES)
    def count_a_probe_twice(self, place: int) -> None:
        """Find that samples of one address are refused."""
        part = self.parts[place % len(self.parts)]
        address, sample = next(iter(part.samples.items()))
        with pytest.raises(RequestError, match="a probe counts once"):
            part.merged(ProbeSamples(part.subject, part.devices, {address: sample}))

    @invariant()
    def the_newest_part_is_as_drawn_at_once(self) -> None:
        """Compare samples, mean and error."""
        if not self.parts:
            return
        part = self.parts[-1]
        expected = {address: self.at_once[address] for address in part.samples}
        self.compare({f"sample of probe {a}": (x, expected[a]) for a, x in part.samples.items()})
        if len(expected) > 1:
            observe("probes in a part", str(len(expected)))
            mine, theirs = part.estimate(), ProbeSamples(part.subject, part.devices, expected).estimate()
            self.compare({"mean": (mine.value, theirs.value), "error": (mine.standard_error, theirs.standard_error)})

    def compare(self, pairs: dict[str, tuple[float, float]]) -> None:
        """Compare numbers to the last bit or within rounding."""
        scale = max(map(abs, self.at_once.values()))
        for what, (a, b) in pairs.items():
            same = a == b if self.exact else self.tolerance.allows(a, b, scale=scale)
            assert same, f"{what}: {a!r}, with all at once {b!r}"

    def taken(self, place: int) -> ProbeSamples:
        """Take a part out."""
        return self.parts.pop(place % len(self.parts))


@pytest.mark.parametrize("way", WAYS)
def test_the_order_of_work_does_not_matter(precise: Landscape, tolerance: Tolerance, way: str) -> None:
    run_state_machine_as_test(
        lambda: EstimatorMachine(precise, way, tolerance),
        # An example evaluates sixteen probes, in up to ten passes over the data.
        settings=settings(max_examples=max(1, settings().max_examples // 6)),
    )
