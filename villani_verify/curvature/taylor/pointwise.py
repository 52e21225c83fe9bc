"""Scalar functions in a graph: runs of elementwise operations from one tensor to another, applied as a whole.

GELU is eight operations in an exported graph. As one function f of the entries of x it needs its derivatives at x_0, which all
lines share, and then a_1 ↦ f_1 a_1 and f_2 a_1² for each line, and not eight times as much.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx

from villani_verify.curvature.taylor.table import ELEMENTWISE, aten
from villani_verify.curvature.taylor.univariate import UnivariateJet

# These are scalar functions of one tensor where their other arguments are numbers, or functions of the same tensor.
_ARITHMETIC = frozenset({
    aten.add.Tensor, aten.add.Scalar, aten.sub.Tensor, aten.sub.Scalar, aten.rsub.Scalar, aten.rsub.Tensor, aten.mul.Tensor,
    aten.mul.Scalar, aten.div.Tensor, aten.div.Scalar, aten.neg.default,
})  # fmt: skip

Apply = Callable[[fx.Node, Callable[[fx.Node], Any]], Any]
"""(operation, how to get the values of its arguments) ↦ its result."""


@dataclass(frozen=True)
class ScalarFunction:
    """y = f(x) entry by entry, as a run of at least two operations.

    Attributes:
        argument: the node of x.
        nodes: the operations in order; the last gives y.
    """

    argument: fx.Node
    nodes: tuple[fx.Node, ...]

    def of(self, x: Any, apply: Apply) -> Any:
        """Return f(x) for a tensor or jet x, with each value in memory no longer than it is needed."""
        values = {self.argument: x}
        last = {used: node for node in self.nodes for used in node.all_input_nodes}
        for node in self.nodes:
            values[node] = apply(node, values.__getitem__)
            for used in node.all_input_nodes:
                if last[used] is node:
                    values.pop(used, None)
        return values[self.nodes[-1]]

    def series(self, x: Tensor, order: int, apply: Apply) -> Sequence[Tensor | None]:
        """Return the Taylor coefficients f_m = f^(m)(x)/m! for m ≤ order, each of the shape of x."""
        return list(self.of(UnivariateJet([x, torch.ones_like(x)], order), apply).coefficients)


def scalar_functions(nodes: Sequence[fx.Node]) -> tuple[dict[fx.Node, ScalarFunction], frozenset[fx.Node]]:
    """Find the scalar functions of a graph.

    Returns:
        Operation that gives y → the function, and the operations that only serve as its inner ones.
    """
    arguments: dict[fx.Node, fx.Node] = {}
    for node in nodes:
        argument = _argument(node, arguments)
        if argument is not None:
            arguments[node] = argument

    def inner(node: fx.Node) -> bool:
        return all(arguments.get(user) is arguments[node] for user in node.users)

    functions: dict[fx.Node, ScalarFunction] = {}
    for node, argument in arguments.items():
        if not inner(node):
            run = _run(node, arguments)
            if len(run) > 1:
                functions[node] = ScalarFunction(argument, tuple(n for n in nodes if n in run))
    served = {n for function in functions.values() for n in function.nodes[:-1]}
    return functions, frozenset(n for n in served if inner(n))


def _argument(node: fx.Node, arguments: Mapping[fx.Node, fx.Node]) -> fx.Node | None:
    """Return the tensor of which this operation's result is a scalar function, given those of the operations before."""
    if node.target not in ELEMENTWISE and node.target not in _ARITHMETIC:
        return None
    used = {arguments.get(n, n) for n in node.all_input_nodes}
    if len(used) != 1:
        return None
    (argument,) = used
    return argument if _kind(argument) == _kind(node) is not None else None


def _kind(node: fx.Node) -> tuple[torch.Size, torch.dtype] | None:
    value = node.meta.get("val")
    return (value.shape, value.dtype) if isinstance(value, Tensor) and value.is_floating_point() else None


def _run(node: fx.Node, arguments: Mapping[fx.Node, fx.Node]) -> set[fx.Node]:
    """Return the operations from the argument to this one."""
    found: set[fx.Node] = set()
    ahead = [node]
    while ahead:
        here = ahead.pop()
        if here in arguments and here not in found:
            found.add(here)
            ahead.extend(here.all_input_nodes)
    return found
