"""What units can be: each kind is a function from a landscape and plain values to plain values, the same bits each time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from villani_verify.landscape import Landscape
from villani_verify.runs.kinds.criterion import criterion
from villani_verify.runs.kinds.point import exact, gradient, probes
from villani_verify.runs.kinds.streamed import streamed
from villani_verify.runs.kinds.trivial import trivial

Compute = Callable[[Landscape | None, Mapping[str, Any]], Any]
"""(landscape, or None where the unit names none; parameters) ↦ result."""

KINDS: Mapping[str, Compute] = {
    "criterion": criterion,
    "exact": exact,
    "gradient": gradient,
    "probes": probes,
    "streamed": streamed,
    "trivial": trivial,
}
"""Name → how it is computed."""
