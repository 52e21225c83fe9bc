"""Villani's criteria as they can be checked numerically, one file each.

A criterion is a function of a landscape and a budget; it knows nothing of files, processes or colours.
"""

from __future__ import annotations

CRITERION_NAMES = (
    "smoothness",
    "quadratic_growth",
    "gaussian_tails",
    "differential_growth_rays",
    "differential_growth_uniform",
)
"""The five rows of every result, in this order."""
