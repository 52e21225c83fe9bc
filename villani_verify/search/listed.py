"""Points that were found one by one, with no formula behind them: each is written out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from villani_verify.errors import RequestError
from villani_verify.landscape import Landscape


@dataclass(frozen=True)
class Listed:
    """θ(r) for some r, each written out; r is its norm.

    Attributes:
        radii: r, increasing.
        entries: for each r those of θ(r), tensors one after the other in the landscape's order.
    """

    radii: tuple[float, ...]
    entries: tuple[tuple[float, ...], ...]

    @property
    def label(self) -> str:
        """Short name for figures."""
        return "points found by descent"

    @property
    def sentence(self) -> str:
        """What the family does to the parameters, in a sentence."""
        return f"Go from one to the next of {len(self.radii)} points that descent on s* found, all listed in the witness."

    def points(self, landscape: Landscape) -> Callable[[float], dict[str, Tensor]]:
        """Return r ↦ θ(r) for the listed r.

        Raises:
            RequestError: if a point has not as many entries as the landscape has parameters, or r is not listed.
        """
        wrong = [p for p in self.entries if len(p) != landscape.dimension]
        if wrong or len(self.entries) != len(self.radii):
            raise RequestError(
                f"listed points: {len(wrong[0] if wrong else self.entries)} numbers do not fit landscape {landscape.name!r} "
                f"with {landscape.dimension} parameters at {len(self.radii)} radii; give a witness of this landscape"
            )
        table = dict(zip(self.radii, self.entries, strict=True))
        sizes = [t.numel() for t in landscape.initial.values()]

        def point(r: float) -> dict[str, Tensor]:
            if r not in table:
                raise RequestError(
                    f"listed points: none at radius {r:.6g}; the radii are {', '.join(f'{x:.6g}' for x in self.radii)}"
                )
            flat = next(iter(landscape.initial.values())).new_tensor(table[r])
            parts = zip(landscape.initial.items(), flat.split(sizes), strict=True)
            return {n: part.reshape(t.shape) for (n, t), part in parts}

        return point

    def radius(self, landscape: Landscape, r: float) -> float:
        """Return ‖θ(r)‖."""
        return r

    def as_dict(self) -> dict[str, Any]:
        """Return plain values from which `family_of` builds the family again."""
        return {"type": "listed", "radii": list(self.radii), "points": [list(p) for p in self.entries]}


def listed(flat_points: Sequence[Tensor]) -> Listed:
    """Return the family of some flat points, ordered by their norms."""
    rows = sorted((float(p.norm()), tuple(p.tolist())) for p in flat_points)
    return Listed(tuple(r for r, _ in rows), tuple(p for _, p in rows))
