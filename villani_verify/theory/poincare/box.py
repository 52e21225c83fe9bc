"""Values of U = 2F/s on a regular grid of a box that holds all but a trifle of the mass."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator
from scipy.special import erfc, logsumexp

from villani_verify.errors import LandscapeError, RequestError
from villani_verify.landscape import Landscape
from villani_verify.losses import FunctionLoss
from villani_verify.theory.at_once import points_at_once
from villani_verify.theory.gibbs import Gibbs
from villani_verify.theory.layout import Layout

Numbers = NDArray[np.float64]

MOST_DIMENSIONS = 3
_OUTSIDE = 1e-12
"""Share of the mass that may lie outside of the first box, which is certain, and once more outside of the trimmed one."""
_WIDENINGS = 12
_DRAWN, _HELD = 512, 40.0


@dataclass(frozen=True)
class Box:
    """The potential on the cells of a box.

    Attributes:
        lower: (d,) float64, the corner where all coordinates are least.
        upper: (d,) float64, the opposite one.
        potential: (n, …, n) float64, U at the middle of each cell.
    """

    lower: Numbers
    upper: Numbers
    potential: Numbers

    @property
    def dimension(self) -> int:
        """Number of axes d."""
        return self.potential.ndim

    @property
    def cells(self) -> int:
        """Number of cells n along each axis."""
        return int(self.potential.shape[0])

    @property
    def spacings(self) -> Numbers:
        """(d,) edges of a cell."""
        return (self.upper - self.lower) / self.cells

    @property
    def points(self) -> Numbers:
        """Middles of all cells, (n^d, d), in the order of the flattened potential."""
        return middles(self.lower, self.upper, self.cells)

    @property
    def log_mass(self) -> float:
        """The logarithm of ∫ exp(−U) over the box."""
        return float(logsumexp(-self.potential)) + float(np.log(self.spacings).sum())


def middles(lower: Numbers, upper: Numbers, cells: int) -> Numbers:
    """Return the middles of the cells of a box, (cells^d, d)."""
    axes = [lo + (np.arange(cells) + 0.5) * ((hi - lo) / cells) for lo, hi in zip(lower, upper, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))


def box_around_mass(landscape: Landscape, gibbs: Gibbs, cells: int) -> Box:
    """Return a box that holds all but about 1e-12 of the mass.

    First a cube [−a, a]^d that is certain to: L ≥ 0 gives exp(−U) ≤ exp(−κ‖x‖²/2) with κ = 2λ/s, so that at most
    d (2π/κ)^(d/2) erfc(a √(κ/2)) lies outside, one tail for each axis, and the mass inside is a sum over its cells. Then slabs that
    hold less than 1e-12 by that sum are trimmed off its sides.

    Raises:
        LandscapeError: if a cube of a thousand standard deviations of the decay is too small, or a value is not finite.
    """
    d = landscape.dimension
    half_width = 8 * gibbs.confinement**-0.5
    for _ in range(_WIDENINGS):
        box = box_of(landscape, gibbs, np.full(d, -half_width), np.full(d, half_width), cells)
        tail = float(erfc(half_width * math.sqrt(gibbs.confinement / 2)))
        log_outside = math.log(d * tail) + 0.5 * d * math.log(2 * math.pi / gibbs.confinement) if tail > 0 else -math.inf
        if log_outside - box.log_mass <= math.log(_OUTSIDE):
            lower, upper = _trimmed(box)
            return box_of(landscape, gibbs, lower, upper, cells)
        half_width *= 1.5
    raise LandscapeError(
        f"mass of landscape {landscape.name!r}: its box grew to ±{half_width:.3g} and still does not hold all but {_OUTSIDE:g} "
        "of it; raise the weight decay or the temperature"
    )


def _trimmed(box: Box) -> tuple[Numbers, Numbers]:
    """Return the corners without slabs of too little mass; a cell is left on each side, as the sum is a coarse one."""
    lower, upper = box.lower.copy(), box.upper.copy()
    masses = np.exp(box.potential.min() - box.potential)
    for axis in range(box.dimension):
        marginal = masses.sum(axis=tuple(a for a in range(box.dimension) if a != axis))
        allowed = _OUTSIDE * marginal.sum() / (2 * box.dimension)
        first = int(np.searchsorted(np.cumsum(marginal), allowed))
        last = box.cells - 1 - int(np.searchsorted(np.cumsum(marginal[::-1]), allowed))
        lower[axis] += max(first - 1, 0) * box.spacings[axis]
        upper[axis] -= max(box.cells - 2 - last, 0) * box.spacings[axis]
    return lower, upper


def box_of(landscape: Landscape, gibbs: Gibbs, lower: Numbers, upper: Numbers, cells: int) -> Box:
    """Evaluate U on a box.

    Args:
        landscape: of one to three parameters.
        gibbs: its measure.
        lower: (d,) a corner.
        upper: (d,) the opposite one.
        cells: along each axis.

    Raises:
        RequestError: if there are more than three parameters.
        LandscapeError: if L is not finite, or negative: then the box need not hold the mass.
    """
    d = landscape.dimension
    if d > MOST_DIMENSIONS:
        raise RequestError(
            f"landscape {landscape.name!r}: a grid in {d:,} dimensions is too large; take a slice of at most "
            f"{MOST_DIMENSIONS} directions"
        )
    points = middles(lower, upper, cells)
    losses = losses_at(landscape, points)
    values = losses + Layout(landscape).decay_values(points)
    if not np.isfinite(values).all():
        where = points[int(np.flatnonzero(~np.isfinite(values))[0])]
        raise LandscapeError(
            f"loss of landscape {landscape.name!r} at {[float(x) for x in where]}: it is not finite; mend the function"
        )
    landscape.check_non_negative(float(losses.min()), f"loss of landscape {landscape.name!r} on the box of its mass")
    return Box(lower, upper, (gibbs.scale * values).reshape((cells,) * d))


def roughness(landscape: Landscape, gibbs: Gibbs, box: Box) -> float:
    """Return the largest difference of U to its linear interpolation between the middles of cells, over drawn points.

    Oscillations finer than the cells alias, and may do so alike on two grids; off the grid they show. Only points count whose
    interpolated U is at most 40 above the least.
    """
    inner = (box.upper - box.lower - box.spacings) * np.random.default_rng(0).random((_DRAWN, box.dimension))
    points = box.lower + box.spacings / 2 + inner
    axes = [lo + (np.arange(box.cells) + 0.5) * h for lo, h in zip(box.lower, box.spacings, strict=True)]
    interpolated = RegularGridInterpolator(axes, box.potential, bounds_error=False, fill_value=None)(points)
    counted = interpolated <= box.potential.min() + _HELD
    if not counted.any():
        return math.inf
    points = points[counted]
    exact = gibbs.scale * (losses_at(landscape, points) + Layout(landscape).decay_values(points))
    return float(np.abs(exact - interpolated[counted]).max())


def losses_at(landscape: Landscape, points: Numbers) -> Numbers:
    """Return L at each of (n, d) points; all at once where the loss can be batched."""
    given = torch.from_numpy(np.ascontiguousarray(points)).to(landscape.device, landscape.dtype)
    loss = landscape.loss_function
    if isinstance(loss, FunctionLoss):
        try:
            with torch.no_grad():
                return torch.func.vmap(loss.fn, chunk_size=points_at_once(landscape))(given).to("cpu", torch.float64).numpy()
        except RuntimeError:
            pass  # branches on values, or an operation that cannot be batched: one by one
    layout = Layout(landscape)
    return np.array([landscape.loss(layout.point(row)) for row in given])
