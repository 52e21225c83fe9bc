"""Truncated Taylor arithmetic: a loss along lines through θ, in one forward pass over its exported graph.

`jet` is the algebra and `table` holds one rule for each operation (the files named after kinds of operation fill it); `program`
exports a loss and interprets its graph. `univariate` jets give the coefficients of any order along one line (`coefficients`),
`collapsed` jets those of order 0 to 2 along many lines at once (`directions` are the first-order coefficients of parameters,
`sources` compact second-order terms, `collapsed_rules` what is faster for them), of which `weighted` takes the second order by
adjoints; the engine that uses them is `second_order_taylor`. `independence` and `pointwise` find what a graph allows: terms of
mean zero to leave out, and scalar functions to apply whole. `nested_reverse` is the slow reference.
"""

from __future__ import annotations

from villani_verify.curvature.taylor.coefficients import Series, taylor_coefficients
from villani_verify.curvature.taylor.jet import Jet
from villani_verify.curvature.taylor.table import RULES, TaylorError
from villani_verify.curvature.taylor.univariate import UnivariateJet

__all__ = ["RULES", "Jet", "Series", "TaylorError", "UnivariateJet", "taylor_coefficients"]
