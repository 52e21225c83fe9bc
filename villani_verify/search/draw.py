"""Draw structured families at random: from the names and shapes of the tensors, and from symmetries of the loss."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from villani_verify.landscape import Landscape
from villani_verify.points import squared_norm
from villani_verify.search.families import Drawn, Family, Ray, Scaling
from villani_verify.search.symmetries import scaling_symmetries

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


def draw_families(landscape: Landscape, count: int, *, seed: int, rays: int = 10**6) -> Iterator[Drawn]:
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
    block = chance.choice(_shared_blocks(landscape) or [list(landscape.initial)])
    matrices = _matrices(landscape, block)
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


def _shared_blocks(landscape: Landscape) -> list[list[str]]:
    """Return the blocks of two tensors and more."""
    return [b for b in tensor_blocks(list(landscape.initial)) if len(b) > 1]


def _matrices(landscape: Landscape, block: Sequence[str]) -> list[str]:
    return [n for n in block if landscape.initial[n].dim() >= 2]


def draw_symmetric(landscape: Landscape, systems: int, *, seed: int) -> Iterator[Scaling]:
    """Yield scalings that leave L unchanged: sums of up to three scaling symmetries of a block, with a matrix of it off or none.

    Args:
        landscape: names, shapes and L.
        systems: how many pairs of a block and what is switched off in it are looked at; each gives up to three families.
        seed: everything drawn follows from it.
    """
    chance = random.Random(f"symmetric families {seed}")
    blocks = _shared_blocks(landscape)
    whole: list[tuple[list[str], tuple[str, ...]]] = [(b, ()) for b in blocks]
    branches = [(b, (n,)) for b in blocks for n in _matrices(landscape, b)]
    # A quarter with everything on.
    few = chance.sample(whole, k=min(-(-systems // 4), len(whole)))
    for block, off in [*few, *chance.sample(branches, k=min(systems - len(few), len(branches)))]:
        basis = scaling_symmetries(landscape, block, zeroed=off, seed=seed)
        for _ in range(min(3, len(basis))):
            family = _sum_of(chance.sample(basis, k=min(len(basis), chance.choice([1, 2, 2, 3]))), off, chance)
            if family is not None:
                yield family


def freest_scaling(landscape: Landscape, zeroed: tuple[str, ...], *, settled: int, seed: int) -> Scaling | None:
    """Return the scaling by r of everything that only feeds what is switched off, within its block; None if there is nothing.

    Args:
        landscape: names and L.
        zeroed: what is switched off.
        settled: steps of descent before the scaling starts.
        seed: of the points at which symmetries are looked for.
    """
    block = next((b for b in tensor_blocks(list(landscape.initial)) if zeroed[0] in b), [])
    free: dict[str, int] = {}
    for exponents in scaling_symmetries(landscape, block, zeroed=zeroed, seed=seed):
        if min(exponents.values()) > 0:
            free |= exponents
    return Scaling(free, zeroed, settled) if free else None


def _sum_of(chosen: list[dict[str, int]], zeroed: tuple[str, ...], chance: random.Random) -> Scaling | None:
    total: dict[str, int] = {}
    for exponents in chosen:
        # What is free to grow grows; of a balance, either side may.
        sign = 1 if min(exponents.values()) > 0 else chance.choice([1, -1])
        for name, a in exponents.items():
            total[name] = total.get(name, 0) + sign * a
    total = {n: a for n, a in total.items() if a}
    return Scaling(total, zeroed) if total and max(total.values()) > 0 else None
