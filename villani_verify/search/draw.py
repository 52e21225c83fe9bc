"""Draw structured families at random, knowing only the names and shapes of the tensors."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from villani_verify.landscape import Landscape
from villani_verify.points import squared_norm
from villani_verify.search.families import Family, Ray, Scaling

# Above this dimension a power iteration costs more than the whole screening.
_POWER_ITERATION_DIMENSION = 5_000_000
WHOLE_HESSIAN_DIMENSION = 64
"""Up to this dimension the eigenvectors of the whole Hessian are cheap."""


def tensor_blocks(names: Sequence[str]) -> list[list[str]]:
    """Group parameter names by the module they repeat in: everything up to the first number in the dotted name.

    "transformer.h.3.mlp.c_fc.weight" belongs to block "transformer.h.3"; names without a number form one
    more block. Nothing else is read from the names.
    """
    blocks: dict[str, list[str]] = {}
    for name in names:
        parts = name.split(".")
        number = _number_place(name)
        blocks.setdefault(".".join(parts[: number + 1]) if number is not None else "", []).append(name)
    return list(blocks.values())


def switches_off_one_block(family: Family) -> bool:
    """Say whether a family switches something off, and only within one module of several that repeat."""
    return isinstance(family, Scaling) and bool(family.zeroed) and all(_number_place(n) is not None for n in family.zeroed)


def _number_place(name: str) -> int | None:
    return next((i for i, part in enumerate(name.split(".")) if part.isdigit()), None)


def draw_families(landscape: Landscape, count: int, *, seed: int, rays: int = 10**6) -> Iterator[Family]:
    """Yield `count` families: two thirds scalings, one third rays, the first few rays one of each kind.

    Args:
        landscape: names, shapes and the reference point.
        count: how many.
        seed: everything drawn follows from it.
        rays: after so many rays, only scalings are drawn; a landscape of one tensor has rays only.
    """
    chance = random.Random(f"families {seed}")
    names = list(landscape.initial)
    norms = {n: squared_norm(t) for n, t in landscape.initial.items()}
    firsts = ["anti-gradient", "gradient", "sparse", "sign", "tensor"]
    if landscape.dimension <= _POWER_ITERATION_DIMENSION:
        firsts.append("top-curvature")
    if landscape.dimension <= WHOLE_HESSIAN_DIMENSION:
        firsts.insert(0, "flattest")
    for i in range(count):
        # A single tensor leaves nothing to switch off, so only rays are drawn then.
        if len(names) == 1 or (i % 3 == 0 and i < 3 * rays):
            kind = firsts.pop(0) if firsts else chance.choice(["sparse", "tensor", "tensor", "sign", "isotropic"])
            inside = chance.choice(names) if kind == "tensor" else None
            base = "initial" if "gradient" in kind or kind == "flattest" or chance.random() < 0.5 else "origin"
            yield Ray(kind, seed, i, base, inside)  # type: ignore[arg-type]
        else:
            yield draw_scaling(landscape, norms, chance)


def draw_scaling(landscape: Landscape, squared_norms: dict[str, float], chance: random.Random) -> Scaling:
    """Draw a scaling: a block, one of its matrices (or any tensor) to switch off, one to three tensors to scale."""
    blocks = [b for b in tensor_blocks(list(landscape.initial)) if len(b) > 1] or [list(landscape.initial)]
    block = chance.choice(blocks)
    matrices = [n for n in block if landscape.initial[n].dim() >= 2]
    zeroed = chance.choice(matrices or block) if chance.random() < 0.85 else None
    # Scaling a tensor that is zero changes nothing.
    scalable = [n for n in block if n != zeroed and squared_norms[n] > 0]
    if not scalable:
        scalable = [n for n in block if n != zeroed] or block
    chosen = chance.sample(scalable, k=min(len(scalable), chance.choice([1, 1, 2, 2, 3])))
    exponents = {n: chance.choice([1, 1, 1, 2, -1]) for n in chosen}
    if max(exponents.values()) < 0:
        exponents[chosen[0]] = 1
    return Scaling(exponents, (zeroed,) if zeroed else ())
