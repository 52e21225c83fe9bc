"""F along a family of points, and how fast it grows there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from villani_verify.criteria.result import Cost
from villani_verify.estimation.growth import SMALLEST, GrowthFit, fit_growth
from villani_verify.landscape import Landscape
from villani_verify.points import Point, norm
from villani_verify.search.draw import WHOLE_HESSIAN_DIMENSION
from villani_verify.search.families import Family, Ray

POINTS_PER_DECADE = 4
# An exponent whose interval ends below this is not 2; the gap absorbs lower-order terms at finite radius.
QUADRATIC = 1.98
# A ray stays in some tensors if all but a millionth of its squared length is there.
_INSIDE = 1 - 1e-6
_SHOWN = 3


@dataclass(frozen=True)
class Profile:
    """F(θ(r)) along one family.

    Attributes:
        family: where.
        parameters: r, increasing.
        radii: ‖θ(r)‖.
        values: F(θ(r)); stops before the first that is not finite.
        decayed: whether the decay term grows along the family.
    """

    family: Family
    parameters: tuple[float, ...]
    radii: tuple[float, ...]
    values: tuple[float, ...]
    decayed: bool

    @property
    def coefficient(self) -> float:
        """F/‖θ‖² at the largest radius."""
        return self.values[-1] / self.radii[-1] ** 2

    def fit(self) -> GrowthFit | None:
        """Fit the growth exponent of F over the outer half of the decades of radius, one decade at least."""
        # By the parameters: a ray may pass the origin, where the radius says nothing about the scale.
        reach = max(10.0, math.sqrt(self.parameters[-1] / self.parameters[0])) * 1.001
        last = [(r, max(v, SMALLEST)) for r, v in zip(self.radii, self.values, strict=True) if r >= self.radii[-1] / reach]
        return fit_growth([last])


def profile(
    landscape: Landscape, family: Family, parameters: Sequence[float], cost: Cost, *, shift: Point | None = None
) -> Profile | None:
    """Evaluate F along a family, moved as a whole by `shift` if given; None if fewer than three values are finite."""
    unmoved = family.points(landscape)

    def points(r: float) -> Point:
        theta = unmoved(r)
        return theta if shift is None else {n: t + shift[n] for n, t in theta.items()}

    rows: list[tuple[float, float, float]] = []
    for r in parameters:
        point = points(r)
        value = landscape.loss(point)
        cost.num_losses += 1
        if not math.isfinite(value):
            break
        radius = norm(point)
        landscape.check_non_negative(value, f"loss of landscape {landscape.name!r} at radius {radius:.4g}")
        rows.append((r, radius, value + landscape.decay_value(point)))
        del point
    if len(rows) < 3:
        return None
    first, last = points(rows[0][0]), points(rows[-1][0])
    decayed = landscape.decay_value(last) > landscape.decay_value(first)
    columns = list(zip(*rows, strict=True))
    return Profile(family, columns[0], columns[1], columns[2], decayed)


def reference_radius(landscape: Landscape) -> float:
    """Return ‖θ₀‖, or 1 if θ₀ is zero: the scale from which radii are counted."""
    return norm(landscape.initial) or 1.0


def growth_rays(landscape: Landscape, count: int, *, seed: int) -> list[Ray]:
    """Choose `count` rays, those within undecayed tensors first, then one of each kind, then isotropic ones.

    Undecayed tensors are the first suspects: along them only the loss can grow.
    """
    names = list(landscape.initial)
    suspects = landscape.undecayed
    rays = [Ray("tensor", seed, i, "initial", name) for i, name in enumerate(suspects[: max(1, count // 2)])] if suspects else []
    rays += [
        Ray("isotropic", seed, 0, "origin"),
        Ray("anti-gradient", seed, 1, "initial"),
        Ray("sparse", seed, 2, "origin"),
        Ray("sign", seed, 3, "origin"),
        Ray("isotropic", seed, 4, "initial"),
    ]
    if landscape.dimension <= WHOLE_HESSIAN_DIMENSION:
        rays.insert(0, Ray("flattest", seed, 0, "initial"))
    for i in range(len(rays), count):
        if i % 3 == 0 and len(names) > 1:
            rays.append(Ray("tensor", seed, i, "initial", names[i % len(names)]))
        elif i % 3 == 1:
            rays.append(Ray("sparse", seed, i, "initial" if i % 2 else "origin"))
        else:
            rays.append(Ray("isotropic", seed, i, "origin"))
    return rays[:count]


def profile_as_dict(p: Profile) -> dict[str, Any]:
    """Return a profile as plain values for figures."""
    fit = p.fit()
    return {
        "family": p.family.label,
        "radius": list(p.radii),
        "value": list(p.values),
        "coefficient": p.coefficient,
        "exponent": None if fit is None else fit.exponent,
        "decayed": p.decayed,
    }


def profile_witness(criterion: str, profiles: list[Profile], level: float) -> dict[str, Any]:
    """Return what is needed to evaluate these profiles again; all share the first one's family."""
    p = profiles[0]
    return {
        "kind": "slow-growth",
        "criterion": criterion,
        "family": p.family.as_dict(),
        "sentence": p.family.sentence,
        "parameters": list(p.parameters),
        "level": level,
        "claimed": [{"radius": r, "value": v} for r, v in zip(p.radii, p.values, strict=True)],
    }


def undecayed_part(landscape: Landscape, family: Family) -> str:
    """Name, in brackets, the tensors without weight decay that a ray stays in, and how many such there are; else nothing."""
    if not isinstance(family, Ray) or len(landscape.undecayed) in (0, len(landscape.decay)):
        return ""  # where nothing is decayed, that says nothing of this ray
    v = family.direction(landscape)
    inside = {n: float(v[n].square().sum()) for n in landscape.undecayed}
    if sum(inside.values()) < _INSIDE:
        return ""
    moved = sorted((n for n, share in inside.items() if share > 0.01), key=lambda n: -inside[n])
    shown = ", ".join(moved[:_SHOWN]) + (f" and {len(moved) - _SHOWN} more" if len(moved) > _SHOWN else "")
    others = len(landscape.undecayed) - len(moved)
    rest = f", as on {others} other{'s' * (others > 1)}" if others else ""
    return f" (parameter{'s' * (len(moved) > 1)} {shown}, weight decay 0{rest})"


def grows_slowly(landscape: Landscape, family_profile: Profile, level: float) -> bool:
    """Say whether F grows slower than quadratically, or lies below min λ/2 ‖θ‖², along a family."""
    fit = family_profile.fit()
    below = family_profile.coefficient < landscape.smallest_decay / 2 * (1 - 1e-5)
    return below or (fit is not None and not family_profile.decayed and fit.interval(level)[1] < QUADRATIC)
