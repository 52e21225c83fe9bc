from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest

from villani_verify.estimation.remainder import Expansion
from villani_verify.estimation.zoom import Chain, Flaw, Frame, Interval, Level, find_flaw, looks_smooth, rounding_level, zoom

ORDER = 6
EPS = 2.0**-52
Maker = Callable[[float], list[float]]


def _power(p: float, place: float = 0.0) -> Maker:
    """|t − place|^p."""

    def at(t: float) -> list[float]:
        x = t - place
        binomial, found = 1.0, []
        for i in range(ORDER + 1):
            found.append(binomial * abs(x) ** (p - i) * (1.0 if x > 0 else (-1.0) ** i) if binomial else 0.0)
            binomial *= (p - i) / (i + 1)
        return found

    return at


def _sum(*makers: Maker) -> Maker:
    return lambda t: [math.fsum(column) for column in zip(*(m(t) for m in makers), strict=True)]


def _times(factor: float, maker: Maker) -> Maker:
    return lambda t: [factor * c for c in maker(t)]


def _cosine(frequency: float) -> Maker:
    return lambda t: [frequency**i / math.factorial(i) * math.cos(frequency * t + i * math.pi / 2) for i in range(ORDER + 1)]


def _bump(width: float) -> Maker:
    """1/(1 + (t/w)²): coefficients from the partial fraction 1/(1 − i t/w)."""

    def at(t: float) -> list[float]:
        return [(1j**i / width**i / (1 - 1j * t / width) ** (i + 1)).real for i in range(ORDER + 1)]

    return at


def _look(maker: Maker, *, count: int = 16, half: float = 2.0) -> tuple[tuple[Chain, ...], Frame]:
    def expand(t: float) -> Expansion:
        return Expansion(t, tuple(maker(t)))

    spacing = 2 * half / count
    grid = [expand(-half + (i - 0.381966) * spacing) for i in range(count + 2)]
    frame = Frame.of(grid, reach=half, eps=EPS)
    intervals = [frame.interval(a, b) for a, b in itertools.pairwise(grid)]
    return zoom(expand, intervals, frame), frame


def _flaw(chains: tuple[Chain, ...]) -> Flaw | None:
    found = [flaw for flaw in map(find_flaw, chains) if flaw is not None]
    return min(found, key=lambda flaw: flaw.order, default=None)


@pytest.mark.parametrize("place", [0.0, 0.31, -1.2345])
@pytest.mark.parametrize(("p", "jump"), [(1, 2.0), (3, 12.0)])
def test_odd_powers_jump(p: int, jump: float, place: float) -> None:
    chains, _ = _look(_power(p, place))
    flaw = _flaw(chains)
    assert flaw is not None
    assert (flaw.kind, flaw.order) == ("jump", p)
    assert flaw.left <= place <= flaw.right
    assert flaw.right - flaw.left < 1e-10
    assert flaw.size == pytest.approx(jump, rel=1e-3)
    assert not all(map(looks_smooth, chains))


@pytest.mark.parametrize("place", [0.0, 0.31, -1.2345])
@pytest.mark.parametrize(("p", "order"), [(0.5, 1), (1.5, 2), (2.5, 3), (2.9, 3), (3.5, 4)])
def test_fractional_powers_blow_up(p: float, order: int, place: float) -> None:
    chains, _ = _look(_power(p, place))
    flaw = _flaw(chains)
    assert flaw is not None
    assert (flaw.kind, flaw.order) == ("blow-up", order)
    assert flaw.left - 1e-9 <= place <= flaw.right + 1e-9
    assert flaw.exponent == pytest.approx(order - p, abs=0.15)


@pytest.mark.parametrize("smooth", [_cosine(3.0), _power(2), _bump(0.8)])
def test_small_kink_under_a_smooth_function(smooth: Maker) -> None:
    chains, _ = _look(_sum(smooth, _times(1e-3, _power(1, 0.4))))
    flaw = _flaw(chains)
    assert flaw is not None
    assert (flaw.kind, flaw.order) == ("jump", 1)
    assert flaw.size == pytest.approx(2e-3, rel=1e-3)


def test_step_is_a_jump_of_the_value() -> None:
    chains, _ = _look(lambda t: [math.floor(1.5 * t), *[0.0] * ORDER])
    flaw = _flaw(chains)
    assert flaw is not None
    assert (flaw.kind, flaw.order, flaw.size) == ("jump", 0, 1.0)


@pytest.mark.parametrize(
    "maker",
    [_cosine(1.0), _cosine(50.0), _cosine(1e4), _power(2), _power(4, 0.3), _bump(1.0), _bump(5e-3), _bump(1e-3)],
    ids=["cos", "cos50", "cos1e4", "square", "quartic", "bump", "narrow bump", "narrower bump"],
)
@pytest.mark.parametrize("noise", [0.0, 30.0])
def test_smooth_functions_pass_with_any_rounding(maker: Maker, noise: float) -> None:
    """Every coefficient gets an error of `noise` roundings of its natural size, fresh at each point."""
    generator = np.random.default_rng(0)

    def rounded(t: float) -> list[float]:
        return [c * (1 + noise * EPS * generator.standard_normal()) for c in maker(t)]

    chains, _ = _look(rounded)
    assert _flaw(chains) is None
    assert all(map(looks_smooth, chains))


def test_coarse_rounding_is_measured() -> None:
    frame = Frame(1.0, 1.0, 2.0, EPS)
    generator = np.random.default_rng(0)
    at = [Expansion(t, tuple(_cosine(2.0)(t))) for t in (-1.0, 0.1, 0.7)]
    level = rounding_level(lambda t: math.cos(2 * t) * (1 + 6e-8 * generator.standard_normal()), at, frame)
    assert level is not None
    assert 1e-9 < level < 1e-7
    assert rounding_level(lambda t: math.cos(2 * t), at, frame) is None


def test_kink_beside_every_place_is_not_rounding() -> None:
    """Values that leave the series in proportion to the step are a broken slope."""
    frame = Frame(1.0, 1.0, 2.0, EPS)
    at = [Expansion(t, (1.0, 0.0, *[0.0] * 5)) for t in (-1.0, 0.1, 0.7)]
    assert rounding_level(lambda t: 1.0 + min(abs(t - e.at) for e in at), at, frame) is None


def test_no_place_with_a_size() -> None:
    assert rounding_level(lambda t: 0.0, [Expansion(0.0, (0.0,) * 7)], Frame(0.0, 1.0, 1.0, EPS)) is None


def test_infinite_expansions_end_a_zoom() -> None:
    chains, frame = _look(_cosine(1.0))
    level = chains[0].levels[0].kept
    (stopped,) = zoom(lambda t: Expansion(t, (math.nan,) * 7), [level], frame)
    assert len(stopped.levels) == 1
    assert not stopped.settled
    assert find_flaw(stopped) is None


@pytest.mark.parametrize(("beside", "found"), [(0.0, True), (1 / 25, True), (1 / 15, False), (1.0, False)])
def test_a_jump_must_stand_out_from_what_is_beside_it(beside: float, found: bool) -> None:
    """The value jumps by 1 in the interval that is kept, and by `beside` in the other half, at every level."""

    def interval(h: float, jump: float) -> Interval:
        left, right = Expansion(0.0, (1.0,)), Expansion(h, (1.0 + jump,))
        return Frame(1.0, 1.0, 1.0, EPS).interval(left, right)

    levels = tuple(Level(interval(2.0**-k, 1.0), interval(2.0**-k, beside)) for k in range(20))
    flaw = find_flaw(Chain(levels, settled=False))
    assert (flaw is not None) == found
    if flaw is not None:
        assert (flaw.kind, flaw.order, flaw.size) == ("jump", 0, 1.0)


def test_settles_early_when_smooth() -> None:
    calls = 0

    def counted(t: float) -> list[float]:
        nonlocal calls
        calls += 1
        return _cosine(2.0)(t)

    chains, _ = _look(counted)
    assert all(chain.settled for chain in chains)
    # The grid takes 18, and some twenty halvings of one or two intervals follow.
    assert calls < 60


def _quantum(sharpness: float, level: float, lowest: int) -> Maker:
    """A line, and from t = 0.123 on a polynomial as one rounding of a sigmoid leaves it: level·(kx)^i/i!, i from `lowest` on."""
    place = 0.123
    rounded = [level * sharpness**i / math.factorial(i) if i >= lowest else 0.0 for i in range(ORDER + 1)]

    def at(t: float) -> list[float]:
        x = t - place
        shifted = [math.fsum(math.comb(j, i) * rounded[j] * x ** (j - i) for j in range(i, ORDER + 1)) for i in range(ORDER + 1)]
        return [a + (b if x > 0 else 0.0) for a, b in zip([4.0 - 1.3 * t, -1.3, 0, 0, 0, 0, 0], shifted, strict=True)]

    return at


@pytest.mark.parametrize("level", [5e-19, 5e-18, 2e-17])
def test_a_rounding_error_inside_of_a_function_is_no_jump_of_a_derivative(level: float) -> None:
    # Order 2 jumps by some roundings of its own, order 3 by hundreds, and order 4, as a jump would have to, by tens of thousands.
    chains, _ = _look(_quantum(60.0, level, 2))
    assert not any(find_flaw(chain) for chain in chains)
    assert all(looks_smooth(chain) for chain in chains)


@pytest.mark.parametrize("level", [5e-18, 2e-17])
def test_the_same_jump_with_nothing_below_it_is_one(level: float) -> None:
    chains, _ = _look(_quantum(60.0, level, 4))
    flaws = [flaw for chain in chains if (flaw := find_flaw(chain))]
    assert {(f.kind, f.order) for f in flaws} == {("jump", 4)}


def test_a_lower_order_that_clearly_jumps_is_the_flaw() -> None:
    chains, _ = _look(_quantum(60.0, 5e-13, 2))
    flaws = [flaw for chain in chains if (flaw := find_flaw(chain))]
    assert {(f.kind, f.order) for f in flaws} == {("jump", 2)}
