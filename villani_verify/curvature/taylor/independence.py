"""Which parameters of a program meet everything else in one single product.

Such a parameter W appears nowhere else in the graph, so what it is multiplied with does not depend on it: its direction V is
independent of the first-order coefficient x_1 of the other factor, and E[f(x_1, V)] = 0. A trace estimate may leave that term out
(`collapsed`): it stays unbiased and loses variance and a matrix product.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import fx
from torch.utils import _pytree as pytree

from villani_verify.curvature.taylor.table import aten

# Views and casts that a parameter may pass through on its way to the product.
_PASSED_THROUGH = frozenset({
    aten.t.default, aten.transpose.int, aten.permute.default, aten.view.default, aten.reshape.default, aten._unsafe_view.default,
    aten.unsqueeze.default, aten.squeeze.dim, aten.squeeze.dims, aten.alias.default, aten.clone.default, aten._to_copy.default,
    aten.contiguous.default,
})  # fmt: skip
# Operations whose rule uses the argument at one of these places in a single product, and nowhere else.
_PRODUCTS: Mapping[Any, tuple[int, ...]] = {
    aten.mm.default: (0, 1), aten.bmm.default: (0, 1), aten.mv.default: (0, 1), aten.mul.Tensor: (0, 1),
    aten.addmm.default: (1, 2), aten.baddbmm.default: (1, 2), aten.convolution.default: (1,),
    aten.native_layer_norm.default: (2,),
}  # fmt: skip


# A matrix whose rows have been looked up before is independent in the rows that were not, if it comes as the right factor.
_RIGHT_FACTOR: Mapping[Any, int] = {aten.mm.default: 1, aten.addmm.default: 2}
_TRANSPOSES = frozenset({aten.t.default, aten.transpose.int, aten.permute.default})


@dataclass(frozen=True)
class Independence:
    """The parameters that meet everything else in one product.

    Attributes:
        names: of these parameters, and of those that are looked up first and multiplied with later, as tied embeddings are:
            of them only the rows that were looked up are not independent.
        path: the operations between them and the product, at which they are still nothing but themselves.
    """

    names: frozenset[str]
    path: frozenset[fx.Node]


def independence(nodes: tuple[fx.Node, ...], parameters: Mapping[fx.Node, str], output: fx.Node) -> Independence:
    """Find the parameters of a graph that are used once, through views at most, in a product."""
    uses: dict[fx.Node, list[tuple[fx.Node, int]]] = {}
    for node in nodes:
        for place, argument in enumerate(node.args):
            for leaf in pytree.tree_leaves(argument):
                if isinstance(leaf, fx.Node):
                    uses.setdefault(leaf, []).append((node, place))
        for leaf in pytree.tree_leaves(dict(node.kwargs)):
            if isinstance(leaf, fx.Node):
                uses.setdefault(leaf, []).append((node, -1))
    names: set[str] = set()
    path: set[fx.Node] = set()
    for parameter, name in parameters.items():
        tied = _looked_up_first(uses.get(parameter, []))
        if tied is not None and len(uses.get(tied, ())) == 1:
            ((user, place),) = uses[tied]
            if _RIGHT_FACTOR.get(user.target) == place:
                names.add(name)
                path.add(tied)
            continue
        here, passed = parameter, []
        while here is not output and len(uses.get(here, ())) == 1:
            ((user, place),) = uses[here]
            if user.target in _PASSED_THROUGH and place == 0:
                passed.append(user)
                here = user
                continue
            if place in _PRODUCTS.get(user.target, ()):
                names.add(name)
                path.update(passed)
            break
    return Independence(frozenset(names), frozenset(path))


def _looked_up_first(uses: list[tuple[fx.Node, int]]) -> fx.Node | None:
    """Return the transpose of a matrix that is looked up in, and then transposed, and nothing else."""
    if len(uses) != 2:
        return None
    (first, where), (second, place) = uses
    looked_up = first.target is aten.embedding.default and where == 0
    return second if looked_up and second.target in _TRANSPOSES and place == 0 else None
