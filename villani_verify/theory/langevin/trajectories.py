"""What chains leave behind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from villani_verify.theory.langevin.observables import Array, Observables
from villani_verify.theory.langevin.settings import ChainSettings


@dataclass(frozen=True)
class Trajectories:
    """What chains left behind.

    Attributes:
        settings: how they were run.
        observables: what the columns of a record mean.
        records: shape (R, M, columns), float64.
        states: θ_N, shape (M, d).
    """

    settings: ChainSettings
    observables: Observables
    records: Array
    states: Tensor

    @property
    def times(self) -> Array:
        """Time of each record, t = ηk, shape (R,)."""
        return np.arange(len(self.records), dtype=np.float64) * self.time_between_records

    @property
    def time_between_records(self) -> float:
        """η times the steps between records."""
        return self.settings.step_size * self.settings.record_every

    @property
    def values(self) -> Array:
        """F(θ_t), or with mini-batches its unbiased estimate, shape (M, R)."""
        return self.records[..., 0].T

    def after(self, burn_in: int) -> Array:
        """Return the records from step `burn_in` on."""
        return self.records[-(-burn_in // self.settings.record_every) :]
