"""How much work a spectrum may take, and whether that fits the memory it may use."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import torch

from villani_verify.errors import RequestError
from villani_verify.landscape import Landscape
from villani_verify.notes import Note

GIBIBYTE = 1 << 30
_WORKING_VECTORS = 6
"""Vectors of d numbers that a run needs besides its basis: the last two, a product, and what is made of them."""


class SpectrumNote(Note):
    """A spectrum was computed otherwise than asked, and its result says so."""


@dataclass(frozen=True)
class SpectrumSettings:
    """What to do at each point.

    Attributes:
        num_probes: normal starts of Lanczos, K.
        steps: products from each start, k.
        memory: what Lanczos vectors may take, in GiB. The passes through the model come on top.
        seed: address of the starts; all points have the same ones, so that the order of points does not matter.
    """

    num_probes: int = 10
    steps: int = 64
    memory: float = 2.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what makes no spectrum.

        Raises:
            RequestError: if a number is out of range.
        """
        if self.num_probes < 2:
            raise RequestError(f"number of probes {self.num_probes}: an interval needs at least 2 starts; give 10")
        if self.steps < 2:
            raise RequestError(f"steps {self.steps}: Lanczos with fewer than 2 steps sees no spectrum; give 64")
        if not (math.isfinite(self.memory) and self.memory > 0):
            raise RequestError(f"memory {self.memory}: it is not a positive finite number of GiB; give one such as 2")


@dataclass(frozen=True)
class Plan:
    """Settings that fit a landscape.

    Attributes:
        steps: k, at most d.
        starts_at_once: how many starts are advanced together.
        reorthogonalise: whether the memory holds all vectors of one start.
    """

    steps: int
    starts_at_once: int
    reorthogonalise: bool


def plan(landscape: Landscape, settings: SpectrumSettings) -> Plan:
    """Fit settings to a landscape; where memory allows no reorthogonalisation, or d fewer steps, a note says so.

    Raises:
        RequestError: if the memory does not hold the few vectors that any run needs.
    """
    dimension = landscape.dimension
    steps = min(settings.steps, dimension)
    if steps < settings.steps:
        warnings.warn(f"{settings.steps} Lanczos steps: cut to the dimension, {dimension}", SpectrumNote, 2)
    vector = dimension * landscape.dtype.itemsize
    allowed = int(settings.memory * GIBIBYTE)
    full, none = (steps + _WORKING_VECTORS) * vector, _WORKING_VECTORS * vector
    if none > allowed:
        other = ", or use --dtype float32" if landscape.dtype == torch.float64 else ""
        raise RequestError(
            f"memory {settings.memory:g} GiB: {dimension:,} parameters need {none / GIBIBYTE:.3g} GiB for the few "
            f"vectors of one Lanczos run; allow more{other}"
        )
    reorthogonalise = full <= allowed
    if not reorthogonalise:
        warnings.warn(
            f"full reorthogonalisation needs {full / GIBIBYTE:.3g} GiB, more than the {settings.memory:g} GiB allowed: there "
            "is none, copies of converged eigenvalues are recognised by the test of Cullum and Willoughby, and intervals assume "
            "exact arithmetic",
            SpectrumNote,
            2,
        )
    return Plan(steps, min(settings.num_probes, allowed // (full if reorthogonalise else none)), reorthogonalise)
