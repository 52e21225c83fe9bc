"""The wells whose Poincaré constants are known: a barrier of height A in a quadratic bowl."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from villani_verify import Landscape

# λ, A → C_P of exp(−λx²/2 − log(1 + exp(−A(2 tanh²3x − 1)))), from finite volumes with 8,001 cells by other code.
KNOWN_WELLS = {
    (1.0, 0.0): 1.00, (1.0, 2.0): 1.91, (1.0, 5.0): 14.8, (1.0, 8.0): 220, (1.0, 11.0): 3.72e3, (1.0, 14.0): 6.59e4,
    (0.1, 0.0): 10.0, (0.1, 2.0): 13.1, (0.1, 5.0): 61.1, (0.1, 8.0): 842, (0.1, 11.0): 1.418e4, (0.1, 14.0): 2.51e5,
}  # fmt: skip


def well_loss(height: float) -> Callable[[Tensor], Tensor]:
    """L of a barrier between two wells; nothing at height 0."""
    if height == 0:
        return lambda x: 0 * x.sum()
    return lambda x: torch.nn.functional.softplus(-height * (2 * torch.tanh(3 * x) ** 2 - 1), threshold=1e9).sum()


def naive_line_constant(potential: Callable[[np.ndarray], np.ndarray], half_width: float, cells: int) -> float:
    """C_P of exp(−U) on a line: dense symmetric eigenvalues of the chain of cells, mean of U at the walls."""
    h = 2 * half_width / cells
    x = (np.arange(cells) + 0.5) * h - half_width
    u = potential(x)
    step = np.diff(u) / 2
    matrix = -np.diag(np.ones(cells - 1), 1) - np.diag(np.ones(cells - 1), -1)
    diagonal = np.zeros(cells)
    diagonal[:-1] += np.exp(-step)
    diagonal[1:] += np.exp(step)
    return float(h**2 / np.linalg.eigvalsh(matrix + np.diag(diagonal))[1])


@pytest.fixture
def well() -> Callable[..., Landscape]:
    """Return a maker of wells: height, weight decay."""
    return lambda height, weight_decay: Landscape.from_function(
        well_loss(height), 1, weight_decay=weight_decay, name=f"well of {height:g}"
    )
