"""A loss as a program: its exported graph, interpreted node by node with plain tensors and jets.

Why the exported graph, and not a tensor subclass on eager code or `make_fx`: `torch.export` traces any loss of named
tensors (a language model with its cross-entropy, a module, a plain function) in one way; its core operations are few,
so few rules are needed; the last use of each value is known, so that memory is freed on the way; and constants such as
masks and rotary angles are computed once, as plain tensors. `make_fx` stops at the mask checks of language models.
"""

from __future__ import annotations

import logging
import operator
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, fx, nn
from torch.export.graph_signature import InputKind
from torch.utils import _pytree as pytree

from villani_verify.batches import Batch
from villani_verify.curvature.taylor import collapsed_rules, piecewise, products, reductions, shapes  # noqa: F401  they fill the table
from villani_verify.curvature.taylor.collapsed import CollapsedJet
from villani_verify.curvature.taylor.independence import Independence, independence
from villani_verify.curvature.taylor.jet import Jet
from villani_verify.curvature.taylor.pointwise import Apply, ScalarFunction, scalar_functions
from villani_verify.curvature.taylor.table import AFFINE, TaylorError, aten, rule_of
from villani_verify.losses import LossFunction
from villani_verify.memory import is_out_of_memory
from villani_verify.points import Point, StoredPoint, templates_of

# Decomposed, these become piecewise formulas whose derivatives are wrong at the seam, though the function is smooth.
_KEPT_WHOLE = (aten.softplus.default, aten.log_sigmoid_forward.default, aten.logaddexp.default, aten.logsumexp.default)
_FAILURES = (ArithmeticError, AssertionError, AttributeError, LookupError, NotImplementedError, RuntimeError, TypeError, ValueError)


class AdjointError(TaylorError):
    """The exported loss cannot be differentiated backward."""


# What stands for operations that reverse mode does not differentiate, or hides: the series pass through `detach`.
_DIFFERENTIABLE: Mapping[Any, Callable[..., Tensor]] = {
    aten.detach.default: aten.alias.default,
    aten.copy.default: lambda x, source, *_: source.to(x.dtype).expand(x.shape).clone(),
}


@dataclass(frozen=True)
class Program:
    """The exported graph of the mean loss of one batch, as a function of named tensors.

    Attributes:
        nodes: the operations in order, without those that are within a scalar function.
        parameters: placeholder → name of the tensor.
        constants: placeholder → its value.
        inputs: placeholders of the batch's tensors, in the order of its leaves.
        output: node of the loss.
        last_use: node → the values that nothing after it needs.
        independence: the parameters that meet everything else in one product.
        largest_value: entries of the largest tensor computed on the way.
        functions: the operation that gives y → the scalar function y = f(x) that it ends.
    """

    nodes: tuple[fx.Node, ...]
    parameters: Mapping[fx.Node, str]
    constants: Mapping[fx.Node, Any]
    inputs: tuple[fx.Node, ...]
    output: fx.Node
    last_use: Mapping[fx.Node, tuple[fx.Node, ...]]
    largest_value: int
    independence: Independence
    functions: Mapping[fx.Node, ScalarFunction]

    def run(
        self,
        batch: Batch,
        parameter: Callable[[str], Any],
        *,
        declared: torch.dtype | None = None,
        after: Callable[[fx.Node, Any], Any] | None = None,
        differentiable: bool = False,
    ) -> Any:
        """Return the loss: a jet, or a tensor if it does not move.

        Args:
            batch: of the shapes the program was exported with.
            parameter: name → jet or tensor. It is called for each operation that uses the tensor, so that nothing of the
                size of the model need be kept.
            declared: if given, casts of jets to this dtype or a finer one are left out, so that a model declared float32
                and run in float64 is the function that it computes in exact arithmetic.
            after: if given, called with each operation and its result, and returns what goes on in its place.
            differentiable: whether reverse mode may go back through all this.

        Raises:
            TaylorError: if an operation has no rule.
        """
        values: dict[fx.Node, Any] = dict(self.constants)
        values.update(zip(self.inputs, pytree.tree_leaves((batch,)), strict=True))

        def fetch(node: fx.Node) -> Any:
            return parameter(self.parameters[node]) if node in self.parameters else values[node]

        def apply(node: fx.Node, known: Callable[[fx.Node], Any]) -> Any:
            return _apply(node, known, declared)

        with torch.set_grad_enabled(differentiable):
            for node in self.nodes:
                values[node] = self._value(node, fetch, apply)
                if after is not None:
                    values[node] = after(node, values[node])
                for finished in self.last_use.get(node, ()):
                    values.pop(finished, None)
            return fetch(self.output)

    def _value(self, node: fx.Node, fetch: Callable[[fx.Node], Any], apply: Apply) -> Any:
        function = self.functions.get(node)
        if function is None:
            return apply(node, fetch)
        x = fetch(function.argument)
        if isinstance(x, CollapsedJet):
            return x.compose(lambda a, order: function.series(a, order, apply))
        return function.of(x, apply)

    def adjoints(self, batch: Batch, point: Point) -> dict[fx.Node, Tensor]:
        """Return ∂L/∂a for the tensor a that each operation gives, where L depends on it; one backward pass.

        Those of parameters are left out, and those of affine operations, which have no source.

        Args:
            batch: of the shapes the program was exported with.
            point: θ.

        Raises:
            AdjointError: if reverse mode has no rule for an operation.
        """
        try:
            return self._adjoints(batch, point)
        except torch.OutOfMemoryError:
            raise
        except (NotImplementedError, RuntimeError) as e:
            if is_out_of_memory(e):
                raise
            raise AdjointError(f"reverse mode has no rule for an operation of the exported loss: {e}") from e

    def _adjoints(self, batch: Batch, point: Point) -> dict[fx.Node, Tensor]:
        values: dict[fx.Node, Any] = dict(self.constants)
        values.update(zip(self.inputs, pytree.tree_leaves((batch,)), strict=True))
        values.update({node: point[name].detach().requires_grad_() for node, name in self.parameters.items()})
        with torch.enable_grad():
            for node in self.nodes:
                values[node] = self._value(node, values.__getitem__, _differentiable)
        results: dict[int, fx.Node] = {}
        for node in self.nodes:  # two nodes may give one tensor, whose adjoint counts once
            # Among them the views of parameters, whose adjoints are as large as the parameters.
            without_source = node.target in AFFINE and node not in self.functions
            if not without_source and isinstance(values[node], Tensor) and values[node].requires_grad:
                results.setdefault(id(values[node]), node)
        loss = values[self.output]
        wanted = list(results.values())
        if not loss.requires_grad or not wanted:
            return {}
        found = torch.autograd.grad(loss, [values[node] for node in wanted], allow_unused=True)
        return {node: adjoint for node, adjoint in zip(wanted, found, strict=True) if adjoint is not None}


def export_program(loss: LossFunction, point: Point, batch: Batch) -> Program:
    """Export `loss` at tensors and a batch of these shapes.

    Raises:
        TaylorError: if `torch.export` cannot trace it, as when a branch depends on a parameter's value.
    """
    wrapper = _Wrapper(loss, templates_of(point))
    try:
        with _quiet():
            exported = torch.export.export(wrapper, (batch,), strict=False).run_decompositions(_decompositions())
            program = _program_of(exported, list(point))
    except torch.OutOfMemoryError:
        raise
    # Tracing runs the user's code on abstract tensors and may fail in any way at all.
    except Exception as e:
        reason = " ".join(str(e).split())[:160]
        raise TaylorError(f"loss: torch.export cannot trace it ({type(e).__name__}: {reason})") from e
    if not isinstance(point, StoredPoint):  # the loss itself needs all tensors at once
        _check_value(program, loss, point, batch)
    return program


def _check_value(program: Program, loss: LossFunction, point: Point, batch: Batch) -> None:
    """Raise TaylorError if the program's loss is not the loss: what Python decides while tracing is kept for ever."""
    with torch.no_grad():
        expected = loss(point, batch)
    value = program.run(batch, lambda name: point[name].detach())
    # Decompositions sum in another order, in float32 where the model does; a wrong constant shows in the first digits.
    allowed = max(1e-5, torch.finfo(expected.dtype).eps ** 0.5)
    if not torch.allclose(value.to(expected.dtype), expected, rtol=allowed, atol=allowed, equal_nan=True):
        raise TaylorError(
            f"loss: its exported graph gives {float(value):.9g} where the function gives {float(expected):.9g}; compute it "
            "from tensors alone, without state"
        )


# Exporting takes a second or more; the programs live as long as the loss they were made from. A failure is kept as well.
_PROGRAMS: WeakKeyDictionary[LossFunction, dict[Any, Program | str]] = WeakKeyDictionary()


def program_for(loss: LossFunction, point: Point, batch: Batch) -> Program:
    """Return the program of `loss` at tensors and a batch of these shapes, exported once.

    Raises:
        TaylorError: if it cannot be exported.
    """
    try:
        known = _PROGRAMS.setdefault(loss, {})
    except TypeError:  # not hashable, or no weak references: export each time
        return export_program(loss, point, batch)
    key = (_signature(templates_of(point)), _signature(batch))
    if key not in known:
        try:
            known[key] = export_program(loss, point, batch)
        except TaylorError as e:
            known[key] = str(e)
    found = known[key]
    if isinstance(found, str):
        raise TaylorError(found)
    return found


def largest_value(loss: LossFunction, point: Point, batches: Sequence[Batch]) -> int:
    """Return the entries of the largest tensor that the programs of some batches compute on the way, at least 1.

    Raises:
        TaylorError: if one cannot be exported.
    """
    return max(1, *(program_for(loss, point, batch).largest_value for batch in batches))


def _signature(tree: Any) -> Any:
    """Shapes, dtypes and devices, and the values of whatever is no tensor, which export makes constants."""
    leaves, structure = pytree.tree_flatten(dict(tree) if isinstance(tree, Mapping) else tree)
    shown = tuple((tuple(x.shape), x.dtype, str(x.device)) if isinstance(x, Tensor) else repr(x) for x in leaves)
    return shown, str(structure)


@lru_cache(maxsize=1)
def _decompositions() -> Any:
    table = torch.export.default_decompositions()
    for operation in _KEPT_WHOLE:
        table.pop(operation, None)
    return table


class _Wrapper(nn.Module):
    """The point's tensors as parameters, so that they are inputs of the exported graph."""

    def __init__(self, loss: LossFunction, point: Point) -> None:
        super().__init__()
        self.loss = (loss,)  # in a tuple: a loss that is itself a module must not register its own parameters
        self.names = list(point)
        self.tensors = nn.ParameterList([nn.Parameter(t.detach()) for t in point.values()])

    def forward(self, batch: Batch) -> Tensor:
        """Return the loss at the registered tensors."""
        return self.loss[0](dict(zip(self.names, self.tensors, strict=True)), batch)


def _program_of(exported: torch.export.ExportedProgram, names: list[str]) -> Program:
    placeholders = {n.name: n for n in exported.graph.nodes if n.op == "placeholder"}
    parameters: dict[fx.Node, str] = {}
    constants: dict[fx.Node, Any] = {}
    inputs: list[fx.Node] = []
    for spec in exported.graph_signature.input_specs:
        node = placeholders[spec.arg.name]
        if spec.kind is InputKind.PARAMETER and str(spec.target).startswith("tensors."):
            parameters[node] = names[int(str(spec.target).removeprefix("tensors."))]
        elif spec.kind is InputKind.USER_INPUT:
            inputs.append(node)
        else:
            held = exported.constants if spec.target in exported.constants else exported.state_dict
            constants[node] = held[str(spec.target)].detach()
    every = tuple(n for n in exported.graph.nodes if n.op == "call_function")
    (result,) = exported.graph_signature.user_outputs
    output = next(n for n in exported.graph.nodes if n.name == result)
    functions, within = scalar_functions(every)
    nodes = tuple(n for n in every if n not in within)
    return Program(
        nodes, parameters, constants, tuple(inputs), output, _last_uses(nodes, output, functions), _largest(every),
        independence(every, parameters, output), functions,
    )  # fmt: skip


def _largest(nodes: tuple[fx.Node, ...]) -> int:
    values = pytree.tree_leaves([n.meta.get("val") for n in nodes if n.all_input_nodes and not _is_view_of_an_input(n)])
    return max((value.numel() for value in values if isinstance(value, Tensor)), default=0)


def _is_view_of_an_input(node: fx.Node) -> bool:
    """Say whether a node only shows an input another way, as transposed weights do: it takes no memory of its own."""
    return all(i.op == "placeholder" for i in node.all_input_nodes) and any(
        r.alias_info is not None
        for r in node.target._schema.returns  # type: ignore[union-attr]
    )


def _last_uses(
    nodes: tuple[fx.Node, ...], output: fx.Node, functions: Mapping[fx.Node, ScalarFunction]
) -> dict[fx.Node, tuple[fx.Node, ...]]:
    last: dict[fx.Node, fx.Node] = {}
    for node in nodes:
        last.setdefault(node, node)
        for used in [functions[node].argument] if node in functions else node.all_input_nodes:
            if used.op == "call_function":
                last[used] = node
    finished: dict[fx.Node, list[fx.Node]] = {}
    for used, node in last.items():
        if used is not output:
            finished.setdefault(node, []).append(used)
    return {node: tuple(values) for node, values in finished.items()}


def _apply(node: fx.Node, fetch: Callable[[fx.Node], Any], declared: torch.dtype | None) -> Any:
    arguments: Any = fx.node.map_arg(node.args, fetch)
    options: Any = dict(fx.node.map_arg(node.kwargs, fetch))
    target: Any = node.target
    if target is operator.getitem:
        return arguments[0][arguments[1]]
    if "_assert" in str(target):
        return None  # guards of the traced shapes and dtypes, which hold for the value at t = 0
    jet = _first_jet(arguments) or _first_jet(options.values())
    if jet is None:
        return target(*arguments, **options)
    if target is aten._to_copy.default and _keeps_declared(options.get("dtype"), declared):
        options.pop("dtype")
    found = rule_of(target, type(jet))
    if found is None:
        raise TaylorError(f"operation {target} has no Taylor rule ({_place(node)})")
    try:
        return found(*arguments, **options)
    except torch.OutOfMemoryError:
        raise
    except _FAILURES as e:
        raise TaylorError(f"operation {target}: its Taylor rule failed ({_place(node)}): {type(e).__name__}: {e}") from e


def _first_jet(arguments: Iterable[Any]) -> Jet | None:
    """Return a jet among the arguments, or in the lists among them."""
    for argument in arguments:
        if isinstance(argument, Jet):
            return argument
        if isinstance(argument, list | tuple):
            found = _first_jet(argument)
            if found is not None:
                return found
    return None


def _differentiable(node: fx.Node, fetch: Callable[[fx.Node], Any]) -> Any:
    """Compute an operation of tensors so that reverse mode can go back through it."""
    target: Any = _DIFFERENTIABLE.get(node.target, node.target)
    arguments: Any = fx.node.map_arg(node.args, fetch)
    options: Any = fx.node.map_arg(node.kwargs, fetch)
    return None if "_assert" in str(target) else target(*arguments, **options)


def _keeps_declared(kind: torch.dtype | None, declared: torch.dtype | None) -> bool:
    if kind is None or declared is None or not kind.is_floating_point:
        return False
    return torch.finfo(kind).eps <= torch.finfo(declared).eps


def _place(node: fx.Node) -> str:
    """The innermost line of the user's or a library's code that made the node."""
    trace = (node.meta.get("stack_trace") or "").splitlines()
    frames = [i for i, line in enumerate(trace) if line.lstrip().startswith("File ") and __file__ not in line]
    if not frames:
        return f"node {node.name}"
    return "; ".join(line.strip() for line in trace[frames[-1] : frames[-1] + 2])


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's warnings and logged graphs off the terminal: a failure is reported by its exception."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
