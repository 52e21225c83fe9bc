"""Low points of s* in shells of radius, by descent from many starts: for violations that no ray and no scaling meets.

Minimised is log ‖∇F‖² − log ½(ΔF + √(ΔF² + δ²)), which is log s* where ΔF > 0 is large beside δ, and where ΔF < 0 still prefers
points at which ‖∇F‖ is small. Steps go against its gradient, of a length of their own for each point, as a fraction of ‖θ‖; a point
that leaves its shell is put back on its edge. All points of all shells move at once, vectorised. Third derivatives of L are needed,
so this is for small landscapes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor
from torch.func import grad_and_value, vmap

from villani_verify.curvature.exact import vectorised_row
from villani_verify.curvature.probes import normals
from villani_verify.landscape import Landscape

_STEPS = 60
_LARGEST_STEP = 0.3
# Half of the starts have coordinates of very different sizes: exp(3 N(0, 1)).
_SPREAD = 3.0
_ROUNDING = 1e-9

Objective = Callable[[Tensor], tuple[Tensor, Tensor]]
"""θ ↦ (what is minimised, s*)."""


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

    def followed(self, edges: Sequence[float]) -> Tensor:
        """Return where the lowest points lead in shells further out, flat θ of shape (shells, pairs, d).

        Each coordinate goes on like a power of the radius, through the lowest points of an inner and an outer shell of these.
        """
        lowest = self.points[torch.arange(len(self.points)), self.temperatures.argmin(1)]
        inner, outer = lowest[: len(lowest) // 2], lowest[-(len(lowest) // 2) :]
        radii = outer.norm(dim=1, keepdim=True) / inner.norm(dim=1, keepdim=True)
        powers = torch.nan_to_num(torch.log((outer / inner).abs()) / torch.log(radii), nan=0.0, posinf=0.0, neginf=0.0)
        middles = [math.sqrt(a * b) for a, b in pairwise(edges)]
        return torch.stack([outer * (r / outer.norm(dim=1, keepdim=True)) ** powers.clamp(-2, 2) for r in middles])

    def below(self, level: float) -> list[Tensor]:
        """Return the highest point at or below `level` of each shell, or the lowest one where none is.

        A sequence of zeros of ∇F then gives points of like s*, not a sequence of rounding errors.
        """
        return [self._chosen(row, points, level) for row, points in zip(self.temperatures, self.points, strict=True)]

    @staticmethod
    def _chosen(row: Tensor, points: Tensor, level: float) -> Tensor:
        allowed = row <= level
        return points[torch.where(allowed, row, -torch.ones_like(row)).argmax() if bool(allowed.any()) else row.argmin()]


def descend_in_shells(
    landscape: Landscape, edges: Sequence[float], *, starts: int, seed: int, before: Descents | None = None
) -> Descents | None:
    """Descend on s* in each shell; None where the loss cannot be vectorised or differentiated three times.

    Args:
        landscape: of a small dimension.
        edges: n + 1 radii, increasing, for n shells.
        starts: points for each shell, spread over it in equal ratios of radius.
        seed: of the starts.
        before: descents further in; some starts are then where their lowest points lead.
    """
    try:
        return _descend(landscape, edges, starts, seed, before)
    except (RuntimeError, NotImplementedError, ValueError):
        return None


def _descend(landscape: Landscape, edges: Sequence[float], starts: int, seed: int, before: Descents | None) -> Descents:
    shells = len(edges) - 1
    like = next(iter(landscape.initial.values()))
    low, high = (like.new_tensor(side).repeat_interleave(starts) for side in (edges[:-1], edges[1:]))
    spread = (torch.arange(starts, dtype=like.dtype, device=like.device) + 0.5).div(starts).repeat(shells)
    theta = _starts(landscape, shells * starts, seed) * (low * (high / low) ** spread)[:, None]
    if before is not None:
        led = before.followed(edges)
        by_shell = theta.unflatten(0, (shells, -1))
        by_shell[:, : 2 * led.shape[1] : 2] = led[:, : starts // 2]
        theta = by_shell.flatten(0, 1)
        theta = theta * (theta.norm(dim=1).clamp(low, high) / theta.norm(dim=1))[:, None]
    loss, score = _objectives(landscape)
    # Half of the starts first go down to the floor of a valley of L on their sphere: there may be shoulders of negative curvature
    # beside a narrow one, which descent on s* does not cross.
    half = torch.arange(len(theta), device=like.device) % 2 == 0
    norms = theta[half].norm(dim=1)
    floors = _minimised(loss, theta[half], norms, norms)
    lowest = _minimised(score, theta.index_put((half,), floors.ends), low, high)
    temperatures = [_by_shell(d.temperatures, shells) for d in (floors, lowest)]
    points = [_by_shell(d.points, shells) for d in (floors, lowest)]
    return Descents(torch.nan_to_num(torch.cat(temperatures, 1), nan=math.inf, posinf=math.inf), torch.cat(points, 1))


def _by_shell(visited: Tensor, shells: int) -> Tensor:
    """Turn (steps, starts of all shells, …) into (shells, visited, …)."""
    return visited.unflatten(1, (shells, -1)).movedim(1, 0).flatten(1, 2)


@dataclass(frozen=True)
class _Path:
    ends: Tensor
    points: Tensor
    temperatures: Tensor


def _minimised(objective: Objective, theta: Tensor, low: Tensor, high: Tensor) -> _Path:
    """Move points downhill, each within its range of norms; return where they end, and all that was visited, step by step."""
    evaluate = vmap(grad_and_value(objective, has_aux=True))
    slope, (score, temperature) = evaluate(theta)
    step = torch.full_like(low, _LARGEST_STEP)
    points, temperatures = [theta], [temperature]
    for _ in range(_STEPS):
        norms = theta.norm(dim=1).clamp(min=1e-300)
        radial = (slope * theta).sum(1) / norms**2
        # At an edge that bars the way, along it.
        barred = ((radial > 0) & (norms <= low * (1 + _ROUNDING))) | ((radial < 0) & (norms >= high * (1 - _ROUNDING)))
        direction = torch.where(barred[:, None], slope - radial[:, None] * theta, slope)
        trial = theta - (step * norms / direction.norm(dim=1).clamp(min=1e-300))[:, None] * direction
        reached = trial.norm(dim=1).clamp(min=1e-300)
        trial = trial * (torch.minimum(torch.maximum(reached, low), high) / reached)[:, None]
        new_slope, (new, temperature) = evaluate(trial)
        # Where rounding hides the change, as on a plateau, go on as long as the slope has not turned round.
        better = (new < score) | ((new == score) & ((new_slope * direction).sum(1) > 0))
        theta, slope = (torch.where(better[:, None], a, b) for a, b in ((trial, theta), (new_slope, slope)))
        score = torch.where(better, new, score)
        step = torch.where(better, (1.5 * step).clamp(max=_LARGEST_STEP), step / 3)
        points.append(trial)
        temperatures.append(temperature)
    return _Path(theta.detach(), torch.stack(points).detach(), torch.stack(temperatures).detach())


def _objectives(landscape: Landscape) -> tuple[Objective, Objective]:
    """Return θ ↦ (L, s*) and θ ↦ (smoothed log s*, s*)."""
    row, decay = vectorised_row(landscape), landscape.decay_laplacian
    smallest = max(decay, 1e-3)

    def temperature(full: Tensor, curved: Tensor) -> Tensor:
        return torch.where(curved > 0, full / curved, torch.full_like(full, math.inf))

    def loss(theta: Tensor) -> tuple[Tensor, Tensor]:
        value, _, full, laplacian = row(theta)
        return value, temperature(full, laplacian + decay)

    def score(theta: Tensor) -> tuple[Tensor, Tensor]:
        _, _, full, laplacian = row(theta)
        curved = laplacian + decay
        smooth = torch.log(full + 1e-300) - torch.log(0.5 * (curved + torch.sqrt(curved**2 + smallest**2)))
        return smooth, temperature(full, curved)

    return loss, score


def _starts(landscape: Landscape, count: int, seed: int) -> Tensor:
    """Return unit vectors: half of them isotropic, half with coordinates of different sizes."""
    like = next(iter(landscape.initial.values())).new_zeros(1)
    plain = normals("shell starts", (count, landscape.dimension), seed=seed, index=0, like=like)
    sizes = torch.exp(_SPREAD * normals("shell sizes", (count, landscape.dimension), seed=seed, index=1, like=like))
    uneven = torch.arange(count, device=like.device) % 2 == 1
    v = torch.where(uneven[:, None], plain.sign() * sizes, plain)
    return v / v.norm(dim=1, keepdim=True)
