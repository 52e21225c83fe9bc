"""The table of all intervals whose coverage is measured, by estimator."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from villani_verify.calibration.case import Case
from villani_verify.calibration.cases.growth import GROWTH
from villani_verify.calibration.cases.laplacian import LAPLACIAN
from villani_verify.calibration.cases.psi import PSI
from villani_verify.calibration.cases.tails import TAILS

CASES: Mapping[str, Case] = MappingProxyType({case.name: case for case in (*LAPLACIAN, *PSI, *GROWTH, *TAILS)})
"""Name → case."""
