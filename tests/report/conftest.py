from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

NAMES = ("smoothness", "quadratic_growth", "gaussian_tails", "differential_growth_rays", "differential_growth_uniform")


def point(radius: float, gradient: float, laplacian: float, temperature: float = 1.0, spread: float = 0.0) -> dict[str, Any]:
    low, high = laplacian - spread, laplacian + spread

    def critical(curvature: float) -> float | str:
        return gradient / curvature if curvature > 0 else "Infinity"

    known = gradient / temperature
    return {
        "radius": radius,
        "loss": 0.5,
        "gradient_norm_squared": gradient,
        "laplacian": {"value": laplacian, "standard_error": spread / 3, "interval": [low, high], "num_matvecs": 16},
        "critical_temperature": {"value": critical(laplacian), "interval": [critical(high), critical(low)]},
        "psi": [{"temperature": temperature, "value": known - laplacian, "interval": [known - high, known - low]}],
    }


def family(label: str, points: list[dict[str, Any]], **description: Any) -> dict[str, Any]:
    described = {"type": "ray", "kind": label, "seed": 0, "index": 0, "base": "origin", "tensor": None, **description}
    return {"label": label, "sentence": f"Go along {label}.", "family": described, "points": points}


def row(status: str, evidence: dict[str, Any], witness: dict[str, Any] | None = None, **extra: Any) -> dict[str, Any]:
    return {
        "status": status,
        "expected": None,
        "as_expected": status != "refuted",
        "claim": "a claim about Ψ_s",
        "summary": "A sentence about what was found.",
        "statistic_name": "an exponent",
        "statistic": 2.5,
        "interval": [2.0, "Infinity"],
        "level": 0.99,
        "evidence": evidence,
        "witness": witness,
        "cost": {"num_losses": 3, "num_gradients": 2, "num_matvecs": 16, "num_jets": 0, "seconds": 1.25},
    } | extra


def profile(label: str, exponent: float, *, decayed: bool) -> dict[str, Any]:
    radii = [1.0, 10.0, 100.0, 1000.0]
    return {
        "family": label,
        "radius": radii,
        "value": [0.3 * r**exponent for r in radii],
        "coefficient": 0.3,
        "exponent": exponent,
        "decayed": decayed,
    }


def bounded_witness() -> dict[str, Any]:
    radii = [10.0, 31.6, 100.0]
    return {
        "kind": "bounded-family",
        "criterion": "differential_growth_uniform",
        "family": {"type": "ray", "kind": "dead branch", "seed": 0, "index": 0, "base": "origin", "tensor": None},
        "sentence": "Set a to zero and multiply b by r.",
        "mechanism": "temperature",
        "temperature": 0.02,
        "every_temperature": False,
        "bound": 0.0101,
        "exponent": 0.0,
        "parameters": radii,
        "num_probes": 16,
        "seed": 1,
        "level": 0.99,
        "claimed": [point(r, 0.01 * r**2, r**2, 0.02, 0.01 * r**2) for r in radii],
    }


def all_criteria() -> dict[str, Any]:
    steps = [10.0**-k for k in range(6)]
    remainder = [
        {"order": j, "step": steps, "remainder": [h ** (j + 1) for h in steps], "slope": j + 1.0, "interval": [j + 0.9, j + 1.1]}
        for j in range(3)
    ]
    rays = [family("isotropic", [point(r, k * r**2, 3.0 + k, 1.0, 0.5) for r in (1.0, 10.0, 100.0)], index=k) for k in (1, 2)]
    witness = bounded_witness()
    worst = family("dead branch", witness["claimed"])
    return {
        "smoothness": row("supported", {"remainder": remainder, "mismatch": [], "notes": []}),
        "quadratic_growth": row(
            "supported",
            {"smallest_half_decay": 0.05, "undecayed": [], "profiles": [profile("isotropic ray", 2.0, decayed=True)]},
        ),
        "gaussian_tails": row(
            "supported",
            {
                "temperature": 1.0,
                "samples": 4,
                "profiles": [profile("isotropic ray", 2.0, decayed=True)],
                "effective_sample_size": 3.5,
                "losses": [0.1, 0.2, 0.4, 3.0],
            },
        ),
        "differential_growth_rays": row("supported", {"rays": 2, "families": rays}),
        "differential_growth_uniform": row("refuted", {"drawn": 9, "families": [worst, worst | {"refutes": True}]}, witness),
    }


@pytest.fixture
def make_results() -> Callable[..., dict[str, Any]]:
    def make(**overrides: Any) -> dict[str, Any]:
        criteria = copy.deepcopy(overrides.pop("criteria", all_criteria()))
        landscape = {
            "name": "a small network",
            "dimension": 240256,
            "weight_decay": 0.1,
            "undecayed": [],
            "dtype": "float64",
            "device": "cpu",
            "loss": 1.3968,
            "request": {"landscape": "gpt-neo-small", "model": None, "dataset": "ptb", "split": "valid", "sequences": 8},
        } | overrides.pop("landscape", {})
        return {
            "schema_version": 1,
            "landscape": landscape,
            "environment": {"python": "3.11.7", "cores": 2, "packages": {"torch": "2.13.0"}, "device_memory_bytes": 2**31},
            "seed": 7,
            "budget": "quick",
            "engine": "reverse",
            "temperatures": [],
            "criteria": criteria,
            "critical_temperature": [],
            "verdict_as_expected": all(r["as_expected"] for r in criteria.values()),
            "notes": [],
        } | overrides

    return make


@pytest.fixture
def build() -> Any:
    """Parts of a results object, for tests that put their own together."""

    class Build:
        names = NAMES

    Build.point, Build.family, Build.row, Build.profile = map(staticmethod, (point, family, row, profile))  # type: ignore[attr-defined]
    Build.all_criteria, Build.bounded_witness = staticmethod(all_criteria), staticmethod(bounded_witness)  # type: ignore[attr-defined]
    return Build
