"""The contenders: each turns a landscape into a function from probe addresses to quadratic forms vᵀ∇²L v.

Whatever can be kept between probes is kept, so a timed call is the marginal cost: PyHessian keeps the gradient's graph.
The model, the tokens and the loss are the same objects for all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from villani_verify.curvature.engine import engine_for
from villani_verify.curvature.probe_signs import probe_signs
from villani_verify.landscape import Landscape

Forms = Callable[[Sequence[int]], list[float]]
SEED = 0


class Logits(nn.Module):
    """Tokens (B, T) → predictions ((T − 1)·B, V), as the peers' loss functions want them."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the logits of every next token but the last."""
        logits = self.model(tokens, use_cache=False).logits
        return logits[:, :-1].reshape(-1, logits.shape[-1])


def parts(landscape: Landscape) -> tuple[nn.Module, Tensor, Tensor]:
    """Return the wrapped model with θ₀ in it, the tokens and the targets, one batch."""
    (tokens,) = landscape.batches
    model = landscape.loss_function.model
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(landscape.initial[name])
            parameter.requires_grad_()
            parameter.grad = None  # PyHessian's of an earlier turn, on which it would add
    return Logits(model).eval(), tokens, tokens[:, 1:].reshape(-1)


def _probe(model: nn.Module, index: int) -> list[Tensor]:
    names = ((name.removeprefix("model."), p) for name, p in model.named_parameters())
    return [probe_signs(name, p.shape, seed=SEED, index=index, like=p) for name, p in names]


def _flat(tensors: Sequence[Tensor]) -> Tensor:
    return torch.cat([t.reshape(-1) for t in tensors])


def own(name: str) -> Callable[[Landscape], Forms]:
    """Return one of this package's engines."""

    def contender(landscape: Landscape) -> Forms:
        engine = engine_for(name)
        return lambda indices: engine.quadratic_forms(landscape, landscape.initial, seed=SEED, indices=indices)

    return contender


def taylor_sums(landscape: Landscape) -> Forms:
    """The forward-only engine with one sum for each eight probes: their mean, eight times."""
    from villani_verify.curvature.second_order_taylor import SecondOrderTaylor

    def forms(indices: Sequence[int]) -> list[float]:
        means = SecondOrderTaylor().directional_forms(landscape, landscape.initial, seed=SEED, indices=indices, group=len(indices))
        return list(means.forms) * len(indices)

    return forms


def taylor_samples(rounding: torch.dtype | None = None) -> Callable[[Landscape], Forms]:
    """Return what this package's Laplacian estimates are made of: samples with the mean of quadratic forms, not forms themselves.

    With factors of the large products rounded, they are the cheap samples of the two-level estimator.
    """
    from villani_verify.curvature.second_order_taylor import SecondOrderTaylor

    def contender(landscape: Landscape) -> Forms:
        engine = SecondOrderTaylor(rounding)
        return lambda indices: engine.laplacian_samples(landscape, landscape.initial, seed=SEED, indices=indices)

    return contender


def curvlinops_operator(landscape: Landscape) -> tuple[nn.Module, Any]:
    """Return the model and curvlinops' Hessian on flat vectors; its data are the rows of tokens."""
    from curvlinops import HessianLinearOperator

    model, tokens, targets = parts(landscape)
    return model, HessianLinearOperator(
        model, nn.CrossEntropyLoss(), list(model.parameters()), [(tokens, targets)], check_deterministic=False,
        num_data=len(tokens),
    )  # fmt: skip


def curvlinops(landscape: Landscape) -> Forms:
    """curvlinops: the Hessian as a linear operator on flat vectors."""
    model, operator = curvlinops_operator(landscape)
    return _flat_forms(model, lambda v: operator @ v)


def pyhessian_object(landscape: Landscape) -> tuple[nn.Module, Any]:
    """Return the model and PyHessian's object for one batch, which keeps the gradient's graph."""
    from pyhessian import hessian

    model, tokens, targets = parts(landscape)
    return model, hessian(model, nn.CrossEntropyLoss(), data=(tokens, targets), cuda=tokens.is_cuda)


def pyhessian(landscape: Landscape) -> Forms:
    """PyHessian: the product that its trace routine uses, on a kept graph."""
    from pyhessian.utils import group_product, hessian_vector_product

    model, kept = pyhessian_object(landscape)

    def form(index: int) -> float:
        v = _probe(model, index)
        return float(group_product(hessian_vector_product(kept.gradsH, kept.params, v), v))

    return lambda indices: [form(k) for k in indices]


def eigenthings_operator(landscape: Landscape) -> tuple[nn.Module, Any]:
    """Return the model and hessian-eigenthings' operator on flat vectors."""
    from hessian_eigenthings.operators.hessian import HessianOperator

    model, tokens, targets = parts(landscape)
    loss = nn.CrossEntropyLoss()
    return model, HessianOperator(model, [(tokens, targets)], lambda m, batch: loss(m(batch[0]), batch[1]))


def eigenthings(landscape: Landscape) -> Forms:
    """hessian-eigenthings: its operator on flat vectors."""
    model, operator = eigenthings_operator(landscape)
    return _flat_forms(model, operator.matvec)


def _flat_forms(model: nn.Module, product: Callable[[Tensor], Tensor]) -> Forms:
    def form(index: int) -> float:
        v = _flat(_probe(model, index))
        return float((v * product(v)).sum(dtype=torch.float64))

    return lambda indices: [form(k) for k in indices]


def forward(landscape: Landscape) -> Forms:
    """No contender but the unit: one forward pass for each index."""
    return lambda indices: [landscape.loss(landscape.initial) for _ in indices]


CONTENDERS: dict[str, Callable[[Landscape], Forms]] = {
    "forward pass": forward,
    "taylor": own("taylor"),
    "taylor, samples": taylor_samples(),
    "taylor, bfloat16": taylor_samples(torch.bfloat16),
    "taylor, sums of 8": taylor_sums,
    "reverse": own("reverse"),
    "curvlinops": curvlinops,
    "PyHessian": pyhessian,
    "hessian-eigenthings": eigenthings,
}
