"""Low points of s* in shells of radius, by descent from many starts: for violations that no ray and no scaling meets.

Minimised is log ‖∇F‖² − log ½(ΔF + √(ΔF² + δ²)), which is log s* where ΔF > 0 is large beside δ, and where ΔF < 0 still prefers
points at which ‖∇F‖ is small. Steps go against its gradient, of a length of their own for each point, as a fraction of ‖θ‖; a point
that leaves its shell is put back on its edge. All points of all shells move at once, vectorised. Third derivatives of L are needed,
so this is for small landscapes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import grad_and_value, vmap

from villani_verify.curvature.exact import vectorised_row
from villani_verify.curvature.probes import normals
from villani_verify.landscape import Landscape

_STEPS = 50
_LARGEST_STEP = 0.3
# Half of the starts have coordinates of very different sizes: exp(3 N(0, 1)).
_SPREAD = 3.0


@dataclass(frozen=True)
class Descents:
    """What descents saw in each shell.

    Attributes:
        temperatures: s* at each visited point, shape (shells, visited); infinite where ΔF ≤ 0 or nothing is finite.
        points: flat θ, shape (shells, visited, d).
    """

    temperatures: Tensor
    points: Tensor

    @property
    def ceiling(self) -> float:
        """The lowest level that s* reaches in every shell."""
        return float(self.temperatures.amin(1).max())

    def below(self, level: float) -> list[Tensor]:
        """Return the highest point at or below `level` of each shell, or the lowest one where none is.

        A sequence of zeros of ∇F then gives points of like s*, not a sequence of rounding errors.
        """
        return [self._chosen(row, points, level) for row, points in zip(self.temperatures, self.points, strict=True)]

    @staticmethod
    def _chosen(row: Tensor, points: Tensor, level: float) -> Tensor:
        allowed = row <= level
        return points[torch.where(allowed, row, -torch.ones_like(row)).argmax() if bool(allowed.any()) else row.argmin()]


def descend_in_shells(landscape: Landscape, edges: Sequence[float], *, starts: int, seed: int) -> Descents | None:
    """Descend on s* in each shell; None where the loss cannot be vectorised or differentiated three times.

    Args:
        landscape: of a small dimension.
        edges: n + 1 radii, increasing, for n shells.
        starts: points for each shell, spread over it in equal ratios of radius.
        seed: of the starts.
    """
    try:
        return _descend(landscape, edges, starts, seed)
    except (RuntimeError, NotImplementedError, ValueError):
        return None


def _descend(landscape: Landscape, edges: Sequence[float], starts: int, seed: int) -> Descents:
    shells = len(edges) - 1
    like = next(iter(landscape.initial.values()))
    low, high = (like.new_tensor(side).repeat_interleave(starts) for side in (edges[:-1], edges[1:]))
    spread = (torch.arange(starts, dtype=like.dtype, device=like.device) + 0.5).div(starts).repeat(shells)
    theta = _starts(landscape, shells * starts, seed) * (low * (high / low) ** spread)[:, None]
    step = torch.full_like(low, _LARGEST_STEP)
    evaluate = vmap(grad_and_value(_objective(landscape), has_aux=True))
    slope, (score, temperature) = evaluate(theta)
    points, temperatures = [theta], [temperature]
    for _ in range(_STEPS):
        length = slope.norm(dim=1).clamp(min=1e-300)
        trial = theta - (step * theta.norm(dim=1) / length)[:, None] * slope
        norms = trial.norm(dim=1).clamp(min=1e-300)
        trial = trial * (torch.minimum(torch.maximum(norms, low), high) / norms)[:, None]
        new_slope, (new, temperature) = evaluate(trial)
        better = new < score
        theta, slope = (torch.where(better[:, None], a, b) for a, b in ((trial, theta), (new_slope, slope)))
        score = torch.where(better, new, score)
        step = torch.where(better, (1.5 * step).clamp(max=_LARGEST_STEP), step / 3)
        points.append(trial)
        temperatures.append(temperature)
    seen = torch.stack(temperatures, 1).reshape(shells, -1).detach()
    return Descents(
        torch.nan_to_num(seen, nan=math.inf, posinf=math.inf), torch.stack(points, 1).reshape(shells, -1, theta.shape[1]).detach()
    )


def _objective(landscape: Landscape):  # type: ignore[no-untyped-def]
    row = vectorised_row(landscape)
    decay = landscape.decay_laplacian
    smallest = max(decay, 1e-3)

    def objective(theta: Tensor) -> tuple[Tensor, Tensor]:
        _, _, full, laplacian = row(theta)
        curved = laplacian + decay
        score = torch.log(full + 1e-300) - torch.log(0.5 * (curved + torch.sqrt(curved**2 + smallest**2)))
        return score, torch.where(curved > 0, full / curved, torch.full_like(full, math.inf))

    return objective


def _starts(landscape: Landscape, count: int, seed: int) -> Tensor:
    """Return unit vectors: half of them isotropic, half with coordinates of different sizes."""
    like = next(iter(landscape.initial.values())).new_zeros(1)
    plain = normals("shell starts", (count, landscape.dimension), seed=seed, index=0, like=like)
    sizes = torch.exp(_SPREAD * normals("shell sizes", (count, landscape.dimension), seed=seed, index=1, like=like))
    uneven = torch.arange(count, device=like.device) % 2 == 1
    v = torch.where(uneven[:, None], plain.sign() * sizes, plain)
    return v / v.norm(dim=1, keepdim=True)
