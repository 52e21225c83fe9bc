"""The table of rules: aten operation → how it acts on jets.

A rule is called with the arguments of the operation, at least one of which is a jet, and returns a jet, or a plain
tensor where the result does not change with t. To add an operation, write a few lines with the four operations of
`jet` in the file of its kind and register it with one of the functions below.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from villani_verify.curvature.taylor.jet import Jet, ScalarSeries, product, value_of
from villani_verify.errors import VillaniError

Rule = Callable[..., Any]
RULES: dict[Any, Rule] = {}
OF_ONE_KIND: dict[tuple[type, Any], Rule] = {}
"""(kind of jet, operation) → a rule that this kind has instead."""
AFFINE: set[Any] = set()
"""Operations that are affine in all their tensors jointly: they have no second-order terms of their own."""
ELEMENTWISE: set[Any] = set()
"""Operations that apply one scalar function to each entry of a tensor, its other arguments being numbers."""
aten = torch.ops.aten


class TaylorError(VillaniError):
    """A loss cannot be expanded by Taylor arithmetic: it cannot be exported, or an operation has no rule."""


def rule(*operations: Any, kind: type[Jet] | None = None, affine: bool = False) -> Callable[[Rule], Rule]:
    """Register a function as the rule of `operations`.

    Args:
        operations: which.
        kind: of jets that have this rule instead of the general one.
        affine: whether they are affine in all their tensors jointly.
    """

    def register(function: Rule) -> Rule:
        for operation in operations:
            if kind is None:
                RULES[operation] = function
            else:
                OF_ONE_KIND[kind, operation] = function
        return function

    if affine:
        AFFINE.update(operations)
    return register


def rule_of(operation: Any, kind: type) -> Rule | None:
    """Return the rule of an operation for one kind of jet, if there is any."""
    return OF_ONE_KIND.get((kind, operation)) or RULES.get(operation)


def linear(*operations: Any) -> None:
    """Register operations that are linear in their first argument and have no jet elsewhere."""
    AFFINE.update(operations)
    for operation in operations:
        RULES[operation] = _linear_rule(operation)


def bilinear(*operations: Any) -> None:
    """Register operations f(a, b, …) that are bilinear in their first two arguments."""
    for operation in operations:
        RULES[operation] = _bilinear_rule(operation)


def elementwise(*operations: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function (a_0, order, …) ↦ Taylor coefficients of f at a_0; further arguments are those of the operation."""

    def register(series: Callable[..., Any]) -> Callable[..., Any]:
        def apply(x: Jet, *arguments: Any, **options: Any) -> Jet:
            scalar: ScalarSeries = lambda a, order: series(a, order, *arguments, **options)
            return x.compose(scalar)

        rule(*operations)(apply)
        ELEMENTWISE.update(operations)
        return series

    return register


def locally_constant(*operations: Any) -> None:
    """Register operations whose result does not change with t, save by jumps: comparisons, rounding, indices."""
    for operation in operations:
        RULES[operation] = _constant_rule(operation)


def _linear_rule(operation: Any) -> Rule:
    return lambda x, *arguments, **options: x.linear(lambda c: operation(c, *arguments, **options))


def _bilinear_rule(operation: Any) -> Rule:
    def apply(left: Any, right: Any, *arguments: Any, **options: Any) -> Any:
        return product(lambda a, b: operation(*same_dtype(a, b), *arguments, **options), left, right)

    return apply


def _constant_rule(operation: Any) -> Rule:
    return lambda *arguments, **options: operation(*(value_of(a) for a in arguments), **options)


def same_dtype(a: Any, b: Any) -> tuple[Any, Any]:
    """Promote two tensors to one dtype, as elementwise operations do and matrix products do not."""
    if a.dtype == b.dtype:
        return a, b
    kind = torch.promote_types(a.dtype, b.dtype)
    return a.to(kind), b.to(kind)


def matrix_product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return a @ b; the one bilinear operation of which jets know more than that it is one."""
    return torch.matmul(*same_dtype(a, b))
