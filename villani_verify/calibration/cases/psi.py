"""Intervals of Ψ_s and of the critical temperature s*, which follow from that of the Laplacian."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from villani_verify.calibration.case import LEVEL, Asked, Case, Replication
from villani_verify.calibration.subjects import DIMENSION, Subject, light, of_landscape, quadratic, small_network
from villani_verify.estimation.psi import PointMeasurement, measure_point

_TEMPERATURE = 0.5
_DECAY = 0.1

Ends = Callable[[PointMeasurement], tuple[float, float]]


def _psi(measured: PointMeasurement) -> tuple[float, float]:
    return measured.psi_interval(_TEMPERATURE, LEVEL)


def _critical(measured: PointMeasurement) -> tuple[float, float]:
    return measured.critical_temperature_interval(LEVEL)


def _at_the_reference_point(make: Callable[[], Subject], num_probes: int, interval: Ends) -> Replication:
    subject = make()
    landscape, engine, point = subject.landscape, subject.engine, subject.landscape.initial
    exact = measure_point(landscape, point, engine=engine, seed=0, num_probes=0, exact_dimension=landscape.dimension)
    truth = interval(exact)[0]

    def replication(seed: int) -> bool:
        low, high = interval(measure_point(landscape, point, engine=engine, seed=seed, num_probes=num_probes, exact_dimension=0))
        return low <= truth <= high

    return replication


def with_laplacian(value: float) -> Subject:
    """Return a quadratic landscape with ΔF = `value`; one probe scatters by 4.5."""
    return quadratic(light(value - _DECAY * DIMENSION), weight_decay=_DECAY)


def _network() -> Subject:
    return of_landscape(small_network())


PSI: tuple[Case, ...] = (
    Case("psi-16-network", "Ψ_s", "16 probes, s = 0.5; small network", partial(_at_the_reference_point, _network, 16, _psi)),
    Case("psi-16-light", "Ψ_s", "16 probes, s = 0.5; matrix, light off the diagonal",
         partial(_at_the_reference_point, partial(with_laplacian, 10.0), 16, _psi)),
    Case("critical-16-network", "Critical temperature s*", "16 probes; small network",
         partial(_at_the_reference_point, _network, 16, _critical)),
    Case("critical-16-light", "Critical temperature s*", "16 probes; ΔF nine standard errors above zero",
         partial(_at_the_reference_point, partial(with_laplacian, 10.0), 16, _critical)),
    Case("critical-16-near-zero", "Critical temperature s*", "16 probes; ΔF one standard error above zero",
         partial(_at_the_reference_point, partial(with_laplacian, 1.1), 16, _critical)),
    Case("critical-16-infinite", "Critical temperature s*", "16 probes; ΔF one standard error below zero, s* = ∞",
         partial(_at_the_reference_point, partial(with_laplacian, -1.1), 16, _critical), Asked.AT_LEAST,
         "s* is ∞ for every ΔF ≤ 0, so only intervals of ΔF wholly above zero miss it."),
)  # fmt: skip
"""Cases of Ψ_s and s* at one point."""
