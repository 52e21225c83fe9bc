"""One-parameter families θ(r), r > 0, along which a criterion is examined.

Three sorts: rays θ(r) = base + r v, and scalings θ_t(r) = r^{α_t} θ₀,t with some tensors set to zero. Scalings by
integer exponents follow the symmetries of LayerNorm, attention and multi-layer perceptrons: with a branch
switched off, what feeds it can grow without changing the function. And points that were found one by one are listed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from villani_verify.errors import RequestError
from villani_verify.landscape import Landscape
from villani_verify.points import Point, StoredPoint, norm, squared_norm
from villani_verify.search.directions import KINDS, Direction
from villani_verify.search.listed import Listed
from villani_verify.search.stationary import stationary_point
from villani_verify.search.stored_ray import stored_ray

PointOf = Callable[[float], Point]


@dataclass(frozen=True)
class Ray:
    """θ(r) = base + r v with a unit direction v.

    Attributes:
        kind: how v is made, a name of `directions.KINDS`.
        seed: first part of v's address.
        index: second part.
        base: "origin" (θ = rv) or "initial" (θ = θ₀ + rv).
        tensor: the tensor that v lies in, for kind "tensor".
    """

    kind: str
    seed: int
    index: int
    base: Literal["origin", "initial"] = "origin"
    tensor: str | None = None

    @property
    def label(self) -> str:
        """Short name for figures."""
        return f"{self.kind} ray" if self.tensor is None else f"ray in {self.tensor}"

    @property
    def sentence(self) -> str:
        """What the family does to the parameters, in a sentence."""
        start = "the origin" if self.base == "origin" else "the reference point"
        along = f"a random direction within {self.tensor}" if self.tensor else _ALONG.get(self.kind, self.kind)
        return f"From {start}, move a distance r along {along}."

    def direction(self, landscape: Landscape) -> Direction:
        """Build v."""
        if self.kind not in KINDS:
            raise RequestError(f"family of kind {self.kind!r}: unknown; it is one of {', '.join(KINDS)}")
        extra = {"name": self.tensor} if self.kind == "tensor" else {}
        return KINDS[self.kind](landscape, seed=self.seed, index=self.index, **extra)

    def points(self, landscape: Landscape) -> PointOf:
        """Return r ↦ θ(r); v is built once, or tensor by tensor where θ₀ is stored."""
        if isinstance(landscape.initial, StoredPoint):
            return stored_ray(landscape.initial, self.kind, seed=self.seed, index=self.index, base=self.base)
        v = self.direction(landscape)
        if self.base == "origin":
            return lambda r: {n: t * r for n, t in v.items()}
        return lambda r: {n: torch.add(landscape.initial[n], t, alpha=r) for n, t in v.items()}

    def radius(self, landscape: Landscape, r: float) -> float:
        """Return ‖θ(r)‖, exactly from the origin and up to the angle between θ₀ and v otherwise."""
        return r if self.base == "origin" else math.hypot(r, norm(landscape.initial))

    def as_dict(self) -> dict[str, Any]:
        """Return plain values from which `family_of` builds the family again."""
        return {"type": "ray", "kind": self.kind, "seed": self.seed, "index": self.index, "base": self.base, "tensor": self.tensor}


@dataclass(frozen=True)
class Scaling:
    """θ_t(r) = r^{α_t} θ₀,t, with α_t = 0 for tensors not named, and the tensors of `zeroed` set to zero.

    Attributes:
        exponents: α_t for each tensor that is scaled.
        zeroed: tensors that are switched off.
        settled: if not 0, the scaling starts not at θ₀ but where so many steps of descent on L lead from there, with the tensors
            of `zeroed` held at zero; see `stationary.stationary_point`.
    """

    exponents: Mapping[str, int]
    zeroed: tuple[str, ...] = ()
    settled: int = 0

    @property
    def label(self) -> str:
        """Short name for figures, which says what is scaled and what is switched off, by the ends of the tensors' names."""
        scaled = " × ".join(_short(n) + (f"^{a}" if a != 1 else "") for n, a in self.exponents.items())
        off = f", {', '.join(map(_short, self.zeroed))} = 0" if self.zeroed else ""
        return f"scale {scaled}{off}" + (", from a stationary point" if self.settled else "")

    @property
    def sentence(self) -> str:
        """What the family does to the parameters, in a sentence."""
        steps = [f"set {', '.join(self.zeroed)} to zero"] if self.zeroed else []
        steps += ["descend to a stationary point of L"] if self.settled else []
        steps.append("multiply " + ", ".join(f"{n} by r" + (f"^{a}" if a != 1 else "") for n, a in self.exponents.items()))
        sentence = ", ".join(steps[:-1]) + (" and " if len(steps) > 1 else "") + steps[-1]
        return f"{sentence[0].upper()}{sentence[1:]}."

    def points(self, landscape: Landscape) -> PointOf:
        """Return r ↦ θ(r); tensors that do not change are shared, not copied."""
        base = self.base(landscape)
        return lambda r: {n: t * r ** self.exponents[n] if n in self.exponents else t for n, t in base.items()}

    def base(self, landscape: Landscape) -> dict[str, Tensor]:
        """Return θ(1)."""
        missing = [n for n in (*self.exponents, *self.zeroed) if n not in landscape.initial]
        if missing:
            raise RequestError(f"scaling of tensor {missing[0]!r}: landscape {landscape.name!r} has none of that name")
        if self.settled:
            return stationary_point(landscape, self.zeroed, self.settled)
        return {n: torch.zeros_like(t) if n in self.zeroed else t for n, t in landscape.initial.items()}

    def radius(self, landscape: Landscape, r: float) -> float:
        """Return ‖θ(r)‖ without building θ(r)."""
        return self.radius_from({n: squared_norm(t) for n, t in self.base(landscape).items()}, r)

    def radius_from(self, squared_norms: Mapping[str, float], r: float) -> float:
        """Return ‖θ(r)‖ from the squared norms of the tensors of θ₀, or of the stationary point."""
        kept = ((n, s) for n, s in squared_norms.items() if n not in self.zeroed)
        return math.sqrt(math.fsum(s * r ** (2 * self.exponents.get(n, 0)) for n, s in kept))

    def as_dict(self) -> dict[str, Any]:
        """Return plain values from which `family_of` builds the family again."""
        return {
            "type": "scaling", "exponents": dict(self.exponents), "zeroed": list(self.zeroed),
            **({"settled": self.settled} if self.settled else {}),
        }  # fmt: skip


Drawn = Ray | Scaling
"""What can be drawn, and followed to any radius."""
Family = Drawn | Listed

_LARGEST_PARAMETER = 1e12
# A witness comes from a file, which should not keep a machine busy for ever.
_MOST_STEPS = 100_000

_BASES: Mapping[str, Literal["origin", "initial"]] = {"origin": "origin", "initial": "initial"}
_ALONG = {
    "isotropic": "a direction drawn uniformly from the sphere",
    "sign": "a random corner of the cube",
    "sparse": "one random coordinate",
    "gradient": "the gradient there",
    "anti-gradient": "minus the gradient there",
    "top-curvature": "a direction of high curvature there",
    "flattest": "the direction of least curvature there",
}


def _short(name: str) -> str:
    return ".".join(name.split(".")[-2:] if name.endswith((".weight", ".bias")) else name.split(".")[-1:])


def family_of(description: Mapping[str, Any]) -> Family:
    """Build a family from what `as_dict` returned.

    Raises:
        RequestError: if the description is not one.
    """
    try:
        if description["type"] == "ray":
            base = _BASES[description["base"]]
            return Ray(
                str(description["kind"]), int(description["seed"]), int(description["index"]), base, description.get("tensor")
            )
        if description["type"] == "scaling":
            exponents = {str(n): int(a) for n, a in description["exponents"].items()}
            settled = int(description.get("settled", 0))
            if not 0 <= settled <= _MOST_STEPS:
                raise ValueError(f"settled: {settled} steps of descent is not between 0 and {_MOST_STEPS}")
            return Scaling(exponents, tuple(description["zeroed"]), settled)
        if description["type"] == "listed":
            points = tuple(tuple(float(x) for x in p) for p in description["points"])
            return Listed(tuple(float(r) for r in description["radii"]), points)
    except (AttributeError, KeyError, TypeError, ValueError) as e:
        raise RequestError(
            f"family {str(description)[:80]!r}: {type(e).__name__} {e}; give a witness as a results file has it"
        ) from e
    raise RequestError(f"family of type {description['type']!r}: unknown; it is 'ray', 'scaling' or 'listed'")


def parameters_at(
    landscape: Landscape, family: Drawn, radii: Sequence[float], *, squared_norms: Mapping[str, float] | None = None
) -> list[float | None]:
    """Return r ≥ 1 with ‖θ(r)‖ = R for each radius R; 1 where the norm begins above it, None where it is less up to r = 10¹².

    Along a ray ‖θ(r)‖² = ‖θ₀‖² + r², up to the angle between θ₀ and v. Of a scaling r is bisected in log r.

    Args:
        landscape: gives θ₀.
        family: its norm grows with r, from some r on.
        radii: the norms that are wanted.
        squared_norms: those of the tensors of θ(1), where they are known already.
    """
    if isinstance(family, Ray):
        start = 0.0
        if family.base == "initial":
            start = math.sqrt(math.fsum(squared_norms.values())) if squared_norms else norm(landscape.initial)
        found = [math.sqrt(max((radius - start) * (radius + start), 0.0)) for radius in radii]
        return [max(r, 1.0) if r <= _LARGEST_PARAMETER else None for r in found]
    norms = squared_norms or {n: squared_norm(t) for n, t in family.base(landscape).items()}
    return [_bisected(family, norms, radius) for radius in radii]


def _bisected(family: Scaling, squared_norms: Mapping[str, float], radius: float) -> float | None:
    low, high = 1.0, _LARGEST_PARAMETER
    if family.radius_from(squared_norms, high) < radius:
        return None
    for _ in range(60):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if family.radius_from(squared_norms, middle) < radius else (low, middle)
    return high
