"""Public Hypothesis strategies for landscapes.

Only small things are drawn: integer seeds, names of families and tensors, logarithms of radii in sixteenths of a
decade, integer exponents. Tensors are built from them deterministically (`villani_verify.search`), so every example
can be printed, shrunk, saved and replayed. Torch's random state plays no part.

    >>> from hypothesis import given, settings
    >>> from villani_verify import Landscape
    >>> bowl = Landscape.from_function(lambda x: (x**2).sum(), 3, weight_decay=0.1)
    >>> @settings(deadline=None)
    ... @given(points(bowl), weight_decays())
    ... def grows(drawn, decay):
    ...     theta = drawn.build(bowl)
    ...     assert bowl.with_decay(decay).value(theta) >= bowl.with_decay(decay).decay_value(theta)
    >>> grows()
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

from hypothesis import strategies as st
from torch import Tensor

from villani_verify.errors import RequestError
from villani_verify.landscape import Landscape
from villani_verify.points import squared_norm
from villani_verify.search.directions import KINDS, gradient
from villani_verify.search.draw import WHOLE_HESSIAN_DIMENSION
from villani_verify.search.families import Drawn, Ray, Scaling

Base = Literal["origin", "initial"]

_STEPS_PER_DECADE = 16
_LARGEST_SEED = 2**32 - 1
# Above this dimension the power iteration behind "top-curvature" costs more than everything else about an example.
_POWER_ITERATION_DIMENSION = 5_000_000
# Directions at θ₀ that no seed varies.
_FIXED = ("gradient", "anti-gradient", "flattest")
_MOST_GROWING = 3
_MOST_OTHERS = 2


@dataclass(frozen=True)
class FamilyPoint:
    """The point θ(r) of a family, described by small things.

    Attributes:
        family: a ray or a scaling.
        parameter: r: a distance on a ray, a factor on a scaling.
    """

    family: Drawn
    parameter: float

    def build(self, landscape: Landscape) -> dict[str, Tensor]:
        """Return θ(r), tensors shaped as those of `landscape.initial`."""
        return dict(self.family.points(landscape)(self.parameter))


def seeds() -> st.SearchStrategy[int]:
    """Draw integer seeds from 0 to 2³² − 1; they shrink towards 0."""
    return st.integers(0, _LARGEST_SEED)


def log_radii(min_exponent: float = -1.0, max_exponent: float = 3.0) -> st.SearchStrategy[float]:
    """Draw radii from 10^min_exponent to 10^max_exponent, spread evenly in the logarithm.

    The exponent is a whole number of sixteenths, and shrinks towards 0 (radius 1), or towards the end nearest it.

    Args:
        min_exponent: of the smallest radius.
        max_exponent: of the largest radius.

    Raises:
        RequestError: if there is no sixteenth of a decade between the exponents.
    """
    return _powers_of_ten(min_exponent, max_exponent)


def weight_decays(min_exponent: float = -4.0, max_exponent: float = 1.0) -> st.SearchStrategy[float]:
    """Draw λ > 0 from 10^min_exponent to 10^max_exponent, as `log_radii` does.

    Args:
        min_exponent: of the smallest λ.
        max_exponent: of the largest λ.

    Raises:
        RequestError: if there is no sixteenth of a decade between the exponents.
    """
    return _powers_of_ten(min_exponent, max_exponent)


def temperatures(min_exponent: float = -4.0, max_exponent: float = 4.0) -> st.SearchStrategy[float]:
    """Draw s > 0 from 10^min_exponent to 10^max_exponent, as `log_radii` does.

    Args:
        min_exponent: of the smallest s.
        max_exponent: of the largest s.

    Raises:
        RequestError: if there is no sixteenth of a decade between the exponents.
    """
    return _powers_of_ten(min_exponent, max_exponent)


def rays(
    landscape: Landscape, *, kinds: Sequence[str] | None = None, bases: Sequence[Base] = ("origin", "initial")
) -> st.SearchStrategy[Ray]:
    """Draw rays θ(r) = base + r v; they shrink towards kinds without a seed, and towards seed 0 and the origin.

    Args:
        landscape: names of the tensors, and the reference point θ₀.
        kinds: names of `villani_verify.search.directions.KINDS`; default all that `ray_kinds` gives.
        bases: where rays start, "origin" or "initial" (θ₀). Gradients and Hessians are those at θ₀, and their rays start there.

    Raises:
        RequestError: if a kind is unknown, or there is no kind or no base.
    """
    chosen = ray_kinds(landscape) if kinds is None else tuple(kinds)
    for kind in chosen:
        if kind not in KINDS:
            close = get_close_matches(kind, KINDS, n=1) or [next(iter(KINDS))]
            raise RequestError(f"ray of kind {kind!r}: unknown; choose from {', '.join(KINDS)} (did you mean {close[0]!r}?)")
    if not chosen or not bases:
        raise RequestError(f"rays of landscape {landscape.name!r}: no kind or no base to draw from; give at least one of each")
    return st.one_of([_rays_of_kind(landscape, kind, bases) for kind in chosen])


def ray_kinds(landscape: Landscape) -> tuple[str, ...]:
    """Return the kinds of ray that the landscape has, at the cost of one gradient.

    Gradient rays are left out where ∇F(θ₀) = 0, and kinds that need the Hessian at θ₀ where it is too large.
    """
    missing: set[str] = set()
    if landscape.dimension > WHOLE_HESSIAN_DIMENSION:
        missing.add("flattest")
    try:
        gradient(landscape, uphill=True)
    except RequestError:
        missing |= {"gradient", "anti-gradient"}
    if landscape.dimension > _POWER_ITERATION_DIMENSION:
        missing.add("top-curvature")
    return tuple(kind for kind in KINDS if kind not in missing)


def scalings(landscape: Landscape) -> st.SearchStrategy[Scaling]:
    """Draw scalings: θ_t(r) = r^{α_t} θ₀,t with integer exponents, and some tensors set to zero.

    All tensors lie in one module of any depth (names with a common dotted prefix): symmetries of networks are local.
    Two sorts: a switched-off branch, where one matrix of the module is zeroed and one to three other tensors grow
    (α ∈ {1, 2}); and a free one, where up to two tensors are zeroed, one to three grow and up to two stay or shrink
    (α ∈ {0, −1}). Every family drawn grows without bound. Examples shrink towards one tensor with exponent 1.

    Args:
        landscape: names of the tensors, and the reference point θ₀.

    Raises:
        RequestError: if θ₀ = 0, where there is nothing to scale.
    """
    scalable = {n for n, t in landscape.initial.items() if squared_norm(t) > 0}
    if not scalable:
        raise RequestError(f"scalings of landscape {landscape.name!r}: its reference point is zero; draw rays instead")
    modules = [m for m in name_modules(list(landscape.initial)) if scalable.intersection(m)]
    free = st.sampled_from(modules).flatmap(lambda module: _free_scalings(module, scalable))
    branches = [
        (matrix, growing)
        for module in modules
        for matrix in (n for n in module if landscape.initial[n].dim() >= 2)
        if (growing := tuple(n for n in module if n != matrix and n in scalable))
    ]
    if not branches:
        return free
    return st.one_of(free, st.sampled_from(branches).flatmap(lambda branch: _switched_off(*branch)))


def name_modules(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the sets of names with a common dotted prefix, small ones first; the last is the set of all names.

    "h.0.mlp.c_fc.weight" and "h.0.mlp.c_proj.weight" share "h.0.mlp", "h.0" and "h". Single names are left out unless
    there is no other.

    Args:
        names: dotted names of parameters.
    """
    prefixes: dict[str, list[str]] = {"": list(names)}
    for name in names:
        parts = name.split(".")
        for depth in range(1, len(parts)):
            prefixes.setdefault(".".join(parts[:depth]), []).append(name)
    distinct = {tuple(members) for members in prefixes.values() if len(members) > 1 or len(names) == 1}
    return sorted(distinct, key=lambda members: (len(members), members))


def families(landscape: Landscape) -> st.SearchStrategy[Drawn]:
    """Draw rays of all kinds and scalings; only rays where θ₀ = 0. Examples shrink towards rays.

    Args:
        landscape: names of the tensors, and the reference point θ₀.
    """
    if all(squared_norm(t) == 0 for t in landscape.initial.values()):
        return rays(landscape)
    # Not one_of, which would flatten: each kind of ray would then be drawn as often as all scalings together.
    sorts: dict[str, st.SearchStrategy[Any]] = {"ray": rays(landscape), "scaling": scalings(landscape)}
    return st.sampled_from(list(sorts)).flatmap(sorts.__getitem__)


def points(landscape: Landscape, *, min_exponent: float = -1.0, max_exponent: float = 3.0) -> st.SearchStrategy[FamilyPoint]:
    """Draw points θ(r) of families, r as `log_radii` draws it.

    Args:
        landscape: as for `families`.
        min_exponent: of the smallest r.
        max_exponent: of the largest r.

    Raises:
        RequestError: if there is no sixteenth of a decade between the exponents.
    """
    return st.builds(FamilyPoint, families(landscape), log_radii(min_exponent, max_exponent))


def _powers_of_ten(min_exponent: float, max_exponent: float) -> st.SearchStrategy[float]:
    if not (math.isfinite(min_exponent) and math.isfinite(max_exponent)):
        raise RequestError(f"exponents {min_exponent} to {max_exponent}: they are not finite; give two such as -1 and 3")
    low, high = math.ceil(min_exponent * _STEPS_PER_DECADE), math.floor(max_exponent * _STEPS_PER_DECADE)
    if low > high:
        raise RequestError(f"exponents {min_exponent:g} to {max_exponent:g}: there is no sixteenth between them; move them apart")
    return st.integers(low, high).map(lambda k: 10.0 ** (k / _STEPS_PER_DECADE))


def _rays_of_kind(landscape: Landscape, kind: str, bases: Sequence[Base]) -> st.SearchStrategy[Ray]:
    if kind in _FIXED:
        return st.just(Ray(kind, 0, 0, "initial"))
    tensor = st.sampled_from(list(landscape.initial)) if kind == "tensor" else st.none()
    return st.builds(Ray, st.just(kind), seeds(), st.just(0), st.sampled_from(list(bases)), tensor)


def _switched_off(matrix: str, others: Sequence[str]) -> st.SearchStrategy[Scaling]:
    growing, rising = _some_of(others, 1, _MOST_GROWING), _numbers([1, 2], _MOST_GROWING)
    return st.builds(_scaling, growing, rising, st.just([]), st.just([]), st.just([matrix]))


def _free_scalings(module: Sequence[str], scalable: set[str]) -> st.SearchStrategy[Scaling]:
    growing = _some_of([n for n in module if n in scalable], 1, _MOST_GROWING)
    others, zeroed = _some_of(module, 0, _MOST_OTHERS), _some_of(module, 0, _MOST_OTHERS)
    return st.builds(_scaling, growing, _numbers([1, 2], _MOST_GROWING), others, _numbers([0, -1], _MOST_OTHERS), zeroed)


def _some_of(names: Sequence[str], fewest: int, most: int) -> st.SearchStrategy[list[str]]:
    # Drawn with repeats, which are dropped: in a list of unique draws a name is addressed by its place among those left, so
    # that dropping the one before it makes it another, and shrinking stops there.
    drawn = st.lists(st.sampled_from(names), min_size=fewest, max_size=min(most, len(names)))
    return drawn.map(lambda some: list(dict.fromkeys(some)))


def _numbers(choices: Sequence[int], count: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.sampled_from(choices), min_size=count, max_size=count)


def _scaling(growing: list[str], rising: list[int], others: list[str], falling: list[int], zeroed: list[str]) -> Scaling:
    """Assemble a scaling in which no tensor has two roles: growing comes first, zeroed last."""
    exponents = dict(zip(others, falling, strict=False)) | dict(zip(growing, rising, strict=False))
    return Scaling(dict(sorted(exponents.items())), tuple(sorted(n for n in zeroed if n not in exponents)))
