"""Truncated Taylor arithmetic: the coefficients of t ↦ L(θ + t v) in one forward pass over the exported graph.

`jet` is the algebra, `table` holds one rule for each operation (the files named after kinds of operation fill it),
`program` exports a loss and interprets its graph, `nested_reverse` is the slow reference and the way out where a rule is missing.
"""

from __future__ import annotations

from villani_verify.curvature.taylor.coefficients import Series, taylor_coefficients
from villani_verify.curvature.taylor.jet import Jet
from villani_verify.curvature.taylor.table import RULES, TaylorError

__all__ = ["RULES", "Jet", "Series", "TaylorError", "taylor_coefficients"]
