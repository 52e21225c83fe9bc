"""The object behind `measured.json`: all figures of a calibration, with what they were measured on."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from villani_verify.calibration.coverage import Coverage
from villani_verify.calibration.verifications import BUDGET, Line, false_refutations, power
from villani_verify.environment import describe_environment

SCHEMA_VERSION = 1


def assemble(coverage: Sequence[Coverage], lines: Sequence[Line], *, seed: int) -> dict[str, Any]:
    """Return the figures as plain values; parts that were not measured are empty or null.

    Args:
        coverage: of each case.
        lines: of each verification.
        seed: of the coverage.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "environment": describe_environment(torch.device("cpu")),
        "seed": seed,
        "coverage": [c.as_dict() for c in coverage],
        "budget": BUDGET,
        "false_refutations": false_refutations(lines),
        "power": power(lines),
    }


def missed(measured: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each figure that is not what is asked."""
    sentences = [
        f"{c['name']}: covers {100 * c['coverage']:.2f} % in {c['replications']:,} replications; asked: {c['asked']}"
        for c in measured["coverage"]
        if not c["met"]
    ]
    alarms = measured["false_refutations"]
    if alarms is not None:
        sentences += [f"{a['landscape']}, seed {a['seed']}: {a['criterion']} holds and was refuted" for a in alarms["found"]]
    return sentences
