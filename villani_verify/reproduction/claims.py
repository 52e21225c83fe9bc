"""What Das and Dutta (2026) claim, as known from the abstract and summaries, and what a measurement says of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True)
class Claim:
    """One claim.

    Attributes:
        name: for files and JSON.
        claim: in a few words.
        paper: what the paper says.
        section: which measurement speaks of it.
    """

    name: str
    claim: str
    paper: str
    section: str


@dataclass(frozen=True)
class Finding:
    """What was measured of one claim on one text.

    Attributes:
        claim: its name.
        measured: a sentence with the numbers.
        verdict: a few words.
    """

    claim: str
    measured: str
    verdict: str

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"claim": self.claim, "measured": self.measured, "verdict": self.verdict}


_CLAIMS = (
    Claim("smoothness", "F is smooth", "F ∈ C^∞", "criteria"),
    Claim("quadratic-growth", "F grows at least quadratically", "F(θ) ≥ a‖θ‖² − b", "criteria"),
    Claim("gaussian-tails", "exp(−2F/s) has Gaussian tails", "integrable, with Gaussian moments", "criteria"),
    Claim("psi-rays", "Ψ_s grows quadratically", "Ψ_s(θ) grows like ‖θ‖² on GPT-Neo-125M", "criteria"),
    Claim("psi-uniform", "Ψ_s → ∞ as ‖θ‖ → ∞, for all s > 0", "Villani's condition holds", "criteria"),
    Claim("log-sobolev", "the log-Sobolev constant is bounded by λ and d alone", "C_LS ≤ 1/λ + d/λ²", "constants"),
    Claim("inflation", "the spectrum of the Hessian inflates with ‖θ‖", "spectral inflation", "spectrum"),
    Claim("convergence", "noisy SGD converges exponentially", "F(θ_t) − F_∞ decays at a rate that C_LS gives", "langevin"),
    Claim("pac-bayes", "PAC-Bayes bounds tighten with λ", "a larger λ gives a smaller bound", "pac_bayes"),
    Claim("choice", "a theoretical quantity can choose λ", "λ as a knob of generalisation and convergence", "weight_decay"),
)
CLAIMS: Mapping[str, Claim] = MappingProxyType({c.name: c for c in _CLAIMS})
SECTIONS = tuple(dict.fromkeys(c.section for c in _CLAIMS))
