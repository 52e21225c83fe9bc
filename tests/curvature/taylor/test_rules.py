from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from villani_verify.curvature.probe_signs import probe_of
from villani_verify.curvature.second_order_taylor import SecondOrderTaylor
from villani_verify.curvature.taylor import RULES, directions, taylor_coefficients
from villani_verify.curvature.taylor.nested_reverse import nested_reverse
from villani_verify.landscape import Landscape

ORDER = 5
# Both sides are float64 and round a few hundred times; order 5 of nested reverse mode loses the most.
RTOL = 1e-10


@dataclass(frozen=True)
class Case:
    """A function of a (3, 4) tensor whose entries are in (low, high)."""

    name: str
    function: Callable[[Tensor], Tensor]
    low: float = -2.0
    high: float = 2.0


def _constant(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)


W = _constant(4, 6)
ROW, COLUMN, ONE = _constant(4), _constant(3, 1), _constant(1)
KERNEL = _constant(2, 1, 2, 2)
MASK = _constant(3, 4) > 0

ELEMENTWISE = [
    Case(name, function, low, high)
    for name, function, low, high in [
        ("exp", torch.exp, -2, 2), ("expm1", torch.expm1, -2, 2), ("exp2", torch.exp2, -2, 2), ("log", torch.log, 0.5, 3),
        ("log1p", torch.log1p, -0.5, 3), ("log2", torch.log2, 0.5, 3), ("log10", torch.log10, 0.5, 3),
        ("sqrt", torch.sqrt, 0.5, 3), ("rsqrt", torch.rsqrt, 0.5, 3), ("reciprocal", torch.reciprocal, 0.5, 3),
        ("sin", torch.sin, -3, 3), ("cos", torch.cos, -3, 3), ("tan", torch.tan, -1, 1), ("sinh", torch.sinh, -2, 2),
        ("cosh", torch.cosh, -2, 2), ("tanh", torch.tanh, -3, 3), ("sigmoid", torch.sigmoid, -3, 3), ("atan", torch.atan, -3, 3),
        ("erf", torch.erf, -2, 2), ("silu", F.silu, -3, 3), ("gelu erf", F.gelu, -3, 3), ("mish", F.mish, -3, 3),
        ("gelu tanh", lambda x: F.gelu(x, approximate="tanh"), -3, 3), ("softplus", F.softplus, -3, 3),
        ("softplus beta", lambda x: F.softplus(x, beta=2.5), -3, 3), ("logsigmoid", F.logsigmoid, -3, 3),
        ("pow 3", lambda x: x**3, -2, 2), ("pow 2.5", lambda x: x**2.5, 0.5, 3), ("pow -2", lambda x: x**-2, 0.5, 3),
        ("pow tensor", lambda x: x ** torch.tensor([0.0, 1.0, 2.0, 2.5], dtype=torch.float64), 0.5, 3),
        ("pow moving", lambda x: x ** x.roll(1, 0), 0.5, 2), ("number to a power", lambda x: 2.5**x, -2, 2),
        ("abs", torch.abs, -2, 2), ("relu", torch.relu, -2, 2), ("leaky relu", lambda x: F.leaky_relu(x, 0.1), -2, 2),
        ("elu", lambda x: F.elu(x, 1.5), -2, 2), ("selu", F.selu, -2, 2), ("hardtanh", F.hardtanh, -2, 2),
        ("clamp", lambda x: x.clamp(-1, 0.5), -2, 2), ("clamp by tensor", lambda x: torch.clamp(x, max=ROW), -2, 2),
        ("relu6", lambda x: F.relu6(4 * x), -2, 2),
    ]
]  # fmt: skip

BINARY = [
    Case("add", lambda x: x + 2 * x.roll(1, 0)),
    Case("add row", lambda x: torch.add(ROW, x, alpha=3) * x),
    Case("subtract from number", lambda x: (1 - x) * x),
    Case("subtract alpha", lambda x: torch.sub(x, x * x, alpha=2)),
    Case("multiply by column", lambda x: x * COLUMN + ONE),
    Case("multiply", lambda x: x * x.roll(1, 1)),
    Case("outer broadcast", lambda x: x[:, :, None] * x[:, None, :]),
    Case("divide", lambda x: x.roll(1, 0) / x, 0.5, 2),
    Case("divide constant", lambda x: ROW / x, 0.5, 2),
    Case("divide by constant", lambda x: x**2 / ROW),
    Case("maximum", lambda x: torch.maximum(x, x.roll(1, 0) ** 2)),
    Case("minimum constant", lambda x: torch.minimum(x**2, ROW)),
    Case("where by value", lambda x: torch.where(x > 0, x**2, torch.sin(x))),
    Case("where constant", lambda x: torch.where(MASK, x**2, ROW)),
    Case("masked fill", lambda x: (x**2).masked_fill(MASK, -3.0).exp()),
    Case("logaddexp", lambda x: torch.logaddexp(x, x.roll(1, 0) ** 2)),
    Case("logaddexp constant", lambda x: torch.logaddexp(x, ROW)),
    Case("atan2", lambda x: torch.atan2(x, x.roll(1, 0))),
    Case("hypot", lambda x: torch.hypot(x, ROW), 0.5, 2),
    Case("addcmul", lambda x: torch.addcmul(x, x, x.roll(1, 0), value=2)),
    Case("addcdiv", lambda x: torch.addcdiv(ROW, x, x.roll(1, 0), value=2), 0.5, 2),
    Case("lerp", lambda x: torch.lerp(x, x**2, 0.3)),
    Case("fmod", lambda x: torch.fmod(x, 0.7) * x),
    Case("remainder", lambda x: torch.remainder(x, 0.7) * x),
    Case("sign and floor", lambda x: torch.sign(x) * x**2 + torch.floor(x) * x),
]

LINEAR = [
    Case("views", lambda x: x.t().reshape(2, 6).unsqueeze(0).expand(3, 2, 6).squeeze() ** 2),
    Case("view of an expanded bias", lambda x: (x[0].expand(3, 4) + 0 * ROW).reshape(12) ** 2),
    Case("permute", lambda x: x.reshape(3, 2, 2).permute(2, 0, 1).contiguous() ** 3),
    Case("slices", lambda x: x[1:, ::2] * x[:-1, 1::2]),
    Case("select", lambda x: x[0] * x[:, 1].sum()),
    Case("index", lambda x: x[torch.tensor([0, 2, 2])] ** 2),
    Case("index select", lambda x: torch.index_select(x, 1, torch.tensor([3, 0])) ** 2),
    Case("gather", lambda x: x.gather(1, torch.tensor([[0, 1], [2, 2], [3, 0]])) ** 2),
    Case("embedding", lambda x: F.embedding(torch.tensor([[0, 1], [2, 0]]), x) ** 2),
    Case("cat and stack", lambda x: torch.cat([torch.stack([x, x**2]), torch.zeros(1, 3, 4, dtype=x.dtype)]).exp()),
    Case("split", lambda x: x.split([1, 3], 1)[1] * x.split([1, 3], 1)[0]),
    Case("chunk", lambda x: x.chunk(2, 1)[0] * x.chunk(2, 1)[1]),
    Case("unbind", lambda x: x.unbind(1)[0] * x.unbind(1)[3]),
    Case("roll and flip", lambda x: x.roll(2, 1) * x.flip(0)),
    Case("tril and diagonal", lambda x: x.tril()[:, :3] ** 2 + torch.diag(x.diagonal())),
    Case("pad", lambda x: F.pad(x, (1, 2), value=1.5) ** 2),
    Case("sum mean", lambda x: x.sum(0) * x.mean() + x.mean(1, keepdim=True)),
    Case("cumsum", lambda x: x.cumsum(1) ** 2),
    Case("repeat", lambda x: x.repeat(2, 1) ** 2),
    Case("in place", lambda x: _overwritten(x) ** 2),
    Case("index put", lambda x: torch.zeros(5, dtype=x.dtype).index_put((torch.tensor([1, 3]),), x[0, :2] ** 2)),
    Case("scatter add", lambda x: torch.zeros(3, 4, dtype=x.dtype).scatter_add(0, torch.tensor([[0, 1, 2, 0]] * 3), x**2)),
    Case("neg", lambda x: (-x).exp()),
]


def _overwritten(x: Tensor) -> Tensor:
    y = x.clone()
    y[0] = x[1] ** 2
    y[:, 1] = 3.0
    return y


PRODUCTS = [
    Case("mm", lambda x: x @ W),
    Case("mm of jets", lambda x: x @ x.t() @ x),
    Case("addmm", lambda x: torch.addmm(x[:, :3], x, x.t(), beta=0.5, alpha=2)),
    Case("linear", lambda x: F.linear(x, x, x[:, 0])),
    Case("mv and dot", lambda x: (x @ ROW) @ (x @ x[0])),
    Case("outer", lambda x: torch.outer(x[0], x[1])),
    Case("bmm", lambda x: torch.bmm(x.reshape(2, 2, 3), x.reshape(2, 3, 2))),
    Case("baddbmm", lambda x: torch.baddbmm(x.reshape(3, 2, 2), x.reshape(3, 2, 2), x.reshape(3, 2, 2), beta=2)),
    Case("einsum", lambda x: torch.einsum("ij,kj,k->i", x, x, x[:, 0])),
    Case("conv1d", lambda x: F.conv1d(x[None], x.reshape(2, 3, 2), x[0, :2])),
    Case("conv2d constant", lambda x: F.conv2d(x.reshape(1, 1, 3, 4), KERNEL, ROW[:2])),
]

REDUCTIONS = [
    Case("softmax", lambda x: torch.softmax(x, 0)),
    Case("softmax masked", lambda x: torch.softmax(x.masked_fill(torch.tensor([False, True, False, False]), -torch.inf), 1)),
    Case("log softmax", lambda x: torch.log_softmax(x, -1)),
    Case("logsumexp", lambda x: torch.logsumexp(x, 1)),
    Case("logsumexp all", lambda x: torch.logsumexp(x, (0, 1), keepdim=True)),
    Case("cross entropy", lambda x: F.cross_entropy(x, torch.tensor([0, 3, 1]))),
    Case("cross entropy ignored", lambda x: F.cross_entropy(x, torch.tensor([0, -100, 1]))),
    Case("cross entropy smoothed", lambda x: F.cross_entropy(x, torch.tensor([0, 3, 1]), label_smoothing=0.1)),
    Case("binary cross entropy", lambda x: F.binary_cross_entropy_with_logits(x, MASK.double())),
    Case("mse and huber", lambda x: F.mse_loss(x, ROW.expand(3, 4)) + F.huber_loss(x, ROW.expand(3, 4))),
    Case("layer norm", lambda x: F.layer_norm(x, (4,))),
    Case("layer norm affine", lambda x: F.layer_norm(x, (4,), x[0], x[1])),
    Case("layer norm two dims", lambda x: F.layer_norm(x.reshape(2, 3, 2), (3, 2))),
    Case("layer norm of a constant", lambda x: F.layer_norm(W, (6,), x[0].repeat(2)[:6], None)),
    Case("rms norm", lambda x: F.rms_norm(x, (4,), x[0], 1e-5)),
    Case("group norm", lambda x: F.group_norm(x.reshape(1, 4, 3), 2, x[0], x[1])),
    Case("batch norm in evaluation", lambda x: F.batch_norm(x, ROW, ROW.abs(), x[0], x[1])),
    Case("norm", lambda x: x.norm() + x.norm(dim=1)),
    Case("norms", lambda x: torch.linalg.vector_norm(x, 3) + torch.linalg.vector_norm(x, 1, dim=0).sum()),
    Case("infinite norms", lambda x: torch.linalg.vector_norm(x, torch.inf) + torch.linalg.vector_norm(x, -torch.inf, dim=1)),
    Case("var std", lambda x: x.var() + x.std(0).sum() + x.var(1, correction=0)),
    Case("prod", lambda x: x.prod() + x.prod(1)),
    Case("amax amin", lambda x: x.amax() * x.amin(1) + x.amax((0, 1), keepdim=True).sum()),
    Case("max min", lambda x: x.max() * x.min() + x.max(1).values * x.min(1, keepdim=True).values.sum()),
    Case("sort topk", lambda x: x.sort(1).values[:, 0] * x.topk(2, dim=0).values[1, 0]),
    Case("cosine similarity", lambda x: F.cosine_similarity(x[0], x[1], dim=0)),
    Case("softmax temperature attention", lambda x: torch.softmax(x @ x.t() / 2, -1) @ x),
]  # fmt: skip

CASES = [*ELEMENTWISE, *BINARY, *LINEAR, *PRODUCTS, *REDUCTIONS]


def _landscape(case: Case) -> Landscape:
    def loss(theta: Tensor) -> Tensor:
        out = case.function(theta.reshape(3, 4))
        weights = torch.linspace(0.7, 1.9, out.numel(), dtype=torch.float64).reshape(out.shape)
        return (out * weights).sum()

    return Landscape.from_function(loss, 12)


@pytest.mark.parametrize("case", CASES, ids=[c.name for c in CASES])
def test_rule_agrees_with_nested_reverse(case: Case) -> None:
    landscape = _landscape(case)
    for seed in range(3):
        generator = torch.Generator().manual_seed(seed)
        point = {"theta": case.low + (case.high - case.low) * torch.rand(12, generator=generator, dtype=torch.float64)}
        v = {"theta": torch.randn(12, generator=generator, dtype=torch.float64)}
        found = taylor_coefficients(landscape, point, v, order=ORDER)
        assert found.method == "taylor", found.note
        expected = nested_reverse(landscape.loss_function, point, v.get, None, order=ORDER)
        assert found.loss == pytest.approx(expected, rel=RTOL, abs=RTOL * max(map(abs, expected)))
        assert found.loss[0] == pytest.approx(landscape.loss(point), rel=1e-12)


@pytest.mark.parametrize("most_stacked", [1 << 24, 0], ids=["stacked", "one by one"])
@pytest.mark.parametrize("case", CASES, ids=[c.name for c in CASES])
def test_rule_agrees_with_nested_reverse_along_many_lines(case: Case, most_stacked: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directions, "_MOST_STACKED", most_stacked)
    landscape = _landscape(case)
    generator = torch.Generator().manual_seed(7)
    point = {"theta": case.low + (case.high - case.low) * torch.rand(12, generator=generator, dtype=torch.float64)}
    lines = [probe_of(point, seed=1, index=k) for k in range(4)]
    series = [nested_reverse(landscape.loss_function, point, v.get, None, order=2) for v in lines]
    slopes, forms = [s[1] for s in series], [2 * s[2] for s in series]
    weighted = SecondOrderTaylor().quadratic_forms(landscape, point, seed=1, indices=range(4))
    assert weighted == pytest.approx(forms, rel=RTOL, abs=RTOL * (1 + max(map(abs, forms))))
    for group in (1, 2, 4):
        found = SecondOrderTaylor().directional_forms(landscape, point, seed=1, indices=range(4), group=group)
        expected = [sum(forms[i : i + group]) / group for i in range(0, 4, group)]
        assert found.slopes == pytest.approx(slopes, rel=RTOL, abs=RTOL * max(map(abs, slopes)))
        assert found.forms == pytest.approx(expected, rel=RTOL, abs=RTOL * (1 + max(map(abs, forms))))


shapes = st.lists(st.integers(1, 3), min_size=0, max_size=3).map(tuple)


@settings(max_examples=15, deadline=None)
@given(shape=shapes, kept=st.lists(st.booleans(), min_size=3, max_size=3), seed=st.integers(0, 99), kind=st.sampled_from("+*/m"))
def test_broadcasting(shape: tuple[int, ...], kept: list[bool], seed: int, kind: str) -> None:
    """a ∘ b where b has some dimensions of length one and lacks leading ones."""
    other = tuple(n if keep else 1 for n, keep in zip(shape, kept, strict=False))
    while other and other[0] == 1 and seed % 2:
        other = other[1:]
    sizes = [torch.Size(shape).numel(), torch.Size(other).numel()]

    def loss(theta: Tensor) -> Tensor:
        a, b = (t.reshape(s) for t, s in zip(theta.split(sizes), (shape, other), strict=True))
        b = 1 + b * b
        out = {"+": lambda: a + b, "*": lambda: a * b, "/": lambda: a / b, "m": lambda: torch.maximum(a, b)}[kind]()
        return (out**2).sum()

    generator = torch.Generator().manual_seed(seed)
    landscape = Landscape.from_function(loss, sum(sizes), initial=torch.randn(sum(sizes), generator=generator, dtype=torch.float64))
    v = {"theta": torch.randn(sum(sizes), generator=generator, dtype=torch.float64)}
    found = taylor_coefficients(landscape, landscape.initial, v, order=4)
    assert found.method == "taylor", found.note
    expected = nested_reverse(landscape.loss_function, landscape.initial, v.get, None, order=4)
    assert found.loss == pytest.approx(expected, rel=RTOL, abs=RTOL * max(map(abs, expected)))
    along = [
        nested_reverse(landscape.loss_function, landscape.initial, probe_of(v, seed=seed, index=k).get, None, order=2)
        for k in (0, 1)
    ]
    for group in (1, 2):
        forms = SecondOrderTaylor().directional_forms(landscape, landscape.initial, seed=seed, indices=(0, 1), group=group).forms
        expected = [2 * s[2] for s in along] if group == 1 else [along[0][2] + along[1][2]]
        assert list(forms) == pytest.approx(expected, rel=RTOL, abs=RTOL * (1 + sum(abs(s[2]) for s in along)))


def test_every_rule_is_named_for_an_operation() -> None:
    assert len(RULES) > 100
    assert all(str(operation).startswith("aten.") for operation in RULES)


def test_softplus_and_logaddexp_are_smooth_where_torch_switches_branch() -> None:
    """At a = b torch's own derivative formulas choose a side; the functions have none."""
    landscape = Landscape.from_function(lambda x: torch.logaddexp(x[0], x[1]) + F.softplus(x[0]) + F.logsigmoid(x[0]), 2,
                                        initial=torch.zeros(2, dtype=torch.float64))  # fmt: skip
    found = taylor_coefficients(landscape, landscape.initial, {"theta": torch.tensor([1.0, 0.0], dtype=torch.float64)}, order=4)
    # log(e^t + 1) three times, once with −t and a minus sign: softplus = ln 2 + t/2 + t²/8 − t⁴/192.
    ln2 = torch.log(torch.tensor(2.0, dtype=torch.float64)).item()
    assert found.loss == pytest.approx([2 * ln2 - ln2, 0.5 + 0.5 + 0.5, 2 / 8 - 1 / 8, 0.0, -2 / 192 + 1 / 192], abs=1e-15)


@pytest.mark.parametrize("log", [False, True], ids=["softmax", "log_softmax"])
def test_softmax_of_logits_too_large_for_their_exponential(log: bool) -> None:
    # e^1000 overflows; softmax does not change when all logits move by one number.
    weights = torch.tensor([0.3, -0.7, 1.1], dtype=torch.float64)
    near = torch.tensor([2.0, -1.0, 0.5], dtype=torch.float64)
    direction = {"theta": torch.tensor([1.0, -0.4, 0.6], dtype=torch.float64)}
    softmax = torch.log_softmax if log else torch.softmax
    found = []
    for start in (near, near + 1000):
        landscape = Landscape.from_function(lambda t: 10 + weights @ softmax(t, 0), 3, initial=start)
        series = taylor_coefficients(landscape, landscape.initial, direction, order=4)
        assert series.method == "taylor"
        found.append(series.loss)
    assert found[1] == pytest.approx(found[0], rel=1e-10, abs=1e-12)
