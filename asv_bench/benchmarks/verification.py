"""What a verdict costs: seconds of each criterion in the quick budget, and the work until the search has a counterexample."""

from __future__ import annotations

from typing import Any

from .cases import SEED, load
from .clock import seconds_of

CRITERIA = ("smoothness", "quadratic_growth", "gaussian_tails", "differential_growth_rays", "differential_growth_uniform")


class WrongVerdictError(Exception):
    """A verdict is not the known one, so that the time it took means nothing."""


class QuickCriterion:
    """One criterion on a landscape whose verdicts are known."""

    params = (["double-well", "gpt-neo-tiny"], list(CRITERIA))
    param_names = ("landscape", "criterion")
    timeout = 900.0

    def track_seconds(self, landscape: str, criterion: str) -> float:
        """Return the seconds to the right verdict."""
        loaded = load(landscape, "cpu")
        return seconds_of(lambda: verdict(loaded, criterion), "cpu")

    track_seconds.unit = "seconds"


class Search:
    """The search for families on which Ψ_s stays bounded, on landscapes that have some."""

    params = (["gpt-neo-tiny", "balanced-logits", "trench-on-a-parabola", "late-ripples"],)
    param_names = ("landscape",)
    timeout = 900.0

    def track_seconds(self, landscape: str) -> float:
        """Return the seconds to the refutation."""
        loaded = load(landscape, "cpu")
        return seconds_of(lambda: verdict(loaded, CRITERIA[-1]), "cpu")

    track_seconds.unit = "seconds"

    def track_derivatives(self, landscape: str) -> int:
        """Return how many gradients, quadratic forms and expansions it took: the same on every machine."""
        cost = verdict(load(landscape, "cpu"), CRITERIA[-1]).cost
        return cost.num_gradients + cost.num_matvecs + cost.num_jets

    track_derivatives.unit = "derivatives"


def verdict(landscape: Any, criterion: str) -> Any:
    """Return the criterion's result.

    Raises:
        WrongVerdictError: if it is not what is known of the landscape.
    """
    from villani_verify import verify

    verification = verify(landscape, seed=SEED, criteria=[criterion])
    (result,) = verification.results
    if not verification.verdict_as_expected:
        raise WrongVerdictError(f"{landscape.name}: {criterion} is {result.status}, not {landscape.expected[criterion]}; mend it")
    return result
