"""A results file with evidence, of which figures are drawn."""

from __future__ import annotations

import json

from fuzz.target import Target
from fuzz.targets.results import read
from fuzz.targets.verified import kink, verified


def seeds() -> list[bytes]:
    """Return results of two landscapes, whole."""
    return [json.dumps(kink()).encode(), json.dumps(verified()).encode()]


TARGET = Target("figures", "evidence of results.json, for report", seeds, read, structured=True, largest=1 << 18)
