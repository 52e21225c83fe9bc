"""The Poincaré constant of a measure on a line, with a bracket, however deep its wells.

On cells of probability p_i joined by conductances c_e the constant is the largest C with Var(u) = C Σ_e c_e (u_{e+1} − u_e)². In
terms of the differences w_e = u_{e+1} − u_e the variance is wᵀKw with

    K_{ee'} = P(left of e and e') · P(right of e and e'),

all of whose entries are positive. So C is the Perron root of C^(-1/2) K C^(-1/2), whose product takes two running sums without a
subtraction, and the quotients of one product enclose it (Collatz 1942; Wielandt 1950): min_e (Aw)_e/w_e ≤ C ≤ max_e (Aw)_e/w_e
for every w > 0. Eigenvalue solvers lose C where it exceeds 10¹² or so, as the gap 1/C drowns in rounding; this does not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

_CLOSE_ENOUGH = 1e-9
_MOST_PRODUCTS = 20_000


def line_constant(log_masses: Numbers, log_conductances: Numbers) -> tuple[float, float]:
    """Return a lower and an upper bound of the Poincaré constant of a chain of cells.

    Args:
        log_masses: (n,) float64, logarithm of the mass of each cell, up to a constant that all share.
        log_conductances: (n − 1,) float64, that of the conductance between neighbours, up to the same constant.

    Returns:
        (low, high), within 1e-9 of each other relatively unless 20,000 products did not suffice. It is of the chain: how
        far a chain is from its continuum is for the caller to find out.
    """
    masses = np.exp(log_masses - log_masses.max())
    total = masses.sum()
    # Sums from either end, so that a small mass beyond a barrier keeps all its digits.
    left = np.cumsum(masses)[:-1] / total
    right = np.cumsum(masses[::-1])[::-1][1:] / total
    # Conductances of the normalised measure. The similarity D K D with D = c^(-1/2) has the same root.
    root = np.exp((log_masses.max() + np.log(total) - log_conductances) / 2)
    iterate = np.ones_like(root)
    low, high = 0.0, np.inf
    for _ in range(_MOST_PRODUCTS):
        weighted = root * iterate
        from_left = np.cumsum(left * weighted)
        from_right = np.cumsum((right * weighted)[::-1])[::-1]
        product = root * (right * from_left + left * np.append(from_right[1:], 0.0))
        quotients = product / iterate
        low, high = max(low, float(quotients.min())), min(high, float(quotients.max()))
        if high - low <= _CLOSE_ENOUGH * high:
            break
        iterate = product / product.max()
    return low, high
