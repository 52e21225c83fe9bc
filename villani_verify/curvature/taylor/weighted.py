"""Second-order coefficients of the loss for each line, without carrying them through the graph.

Write a_2 = (linear part of the arguments' a_2) + s for each operation, where the source s is quadratic in first-order
coefficients alone: f_2 a_1² for an elementwise f, f(a_1, b_1) for a bilinear one. The loss is linear in all these sources, and the
factor of each is the adjoint Ā = ∂L/∂a of the operation's result, so

    L_2 = Σ over operations ⟨Ā, s⟩.

One backward pass at θ gives every Ā, for all lines; then a line costs its first-order coefficients only, and each
keeps a number of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, fx

from villani_verify.batches import Batch
from villani_verify.curvature.addressed_probe import AddressedProbe
from villani_verify.curvature.lookups import Lookups
from villani_verify.curvature.taylor.collapsed import CollapsedJet, lines
from villani_verify.curvature.taylor.program import Program, program_for
from villani_verify.curvature.taylor.sources import inner
from villani_verify.losses import LossFunction
from villani_verify.points import Point


class Adjoints:
    """Ā = ∂L/∂a for the results of a program's operations, at one θ and batch.

    Attributes:
        program: the graph of the loss.
        batch: of the shapes the program was exported with.
        lookups: the rows that the batch looks up, for probes to share from pass to pass.
    """

    def __init__(self, program: Program, point: Point, batch: Batch) -> None:
        """Run the program once forward and once backward."""
        self.program = program
        self.batch = batch
        self._point = point
        self.lookups = Lookups()
        self._products: dict[str, Tensor] = {}
        self._of = program.adjoints(batch, point)

    def lines(
        self, probe: Callable[[str, Tensor], AddressedProbe], count: int, *, sampled: bool, rounding: torch.dtype | None = None
    ) -> Callable[[str], CollapsedJet]:
        """Return name ↦ θ + t v along `count` lines, for `second_order`; see `collapsed.lines`.

        Args:
            probe: (name, parameter) ↦ its directions.
            count: `K`.
            sampled: whether terms of mean zero are left out.
            rounding: dtype of the factors of the products that these leave.
        """
        single = self.program.independence.names
        independent = single if sampled else frozenset()
        return lines(
            self._point, probe, groups=count, independent=independent, rounding=rounding, single=single, products=self._products
        )

    def second_order(self, parameter: Callable[[str], Any], count: int, *, differentiable: bool = False) -> Tensor:
        """Return L_2 along `count` lines, float64.

        Args:
            parameter: name → `CollapsedJet` of that many lines and groups, at the same θ.
            count: `K`.
            differentiable: whether reverse mode may go back to the lines' directions.
        """
        totals: list[Tensor] = []
        settled = self.program.independence.path

        def collect(node: fx.Node, value: Any) -> Any:
            if not isinstance(value, CollapsedJet):
                return value
            second = value.stored_second
            if second is None:
                self._of.pop(node, None)  # linear in what moves: it never has a source
            elif node in self._of:
                totals.append(inner(second, self._of[node]) if isinstance(second, Tensor) else second.inner(self._of[node]))
            return value.sourceless(independent=node in settled)

        result = self.program.run(self.batch, parameter, after=collect, differentiable=differentiable)
        if not totals or not isinstance(result, CollapsedJet):
            return torch.zeros(count, dtype=torch.float64)
        return torch.stack(totals).sum(0)


class BatchAdjoints:
    """The adjoints of a loss at θ for each of several batches; kept for an only batch, as those of several take too much memory."""

    def __init__(self, loss: LossFunction, point: Point, batches: Sequence[Batch]) -> None:
        """Take what the adjoints are of; nothing is computed yet."""
        self._loss = loss
        self._point = point
        self._batches = batches
        self._kept: Adjoints | None = None

    def of(self, batch: Batch) -> Adjoints:
        """Return the adjoints for one of the batches, or for a part of one."""
        if len(self._batches) > 1 or batch is not self._batches[0]:
            return Adjoints(program_for(self._loss, self._point, batch), self._point, batch)
        if self._kept is None:
            self._kept = Adjoints(program_for(self._loss, self._point, batch), self._point, batch)
        return self._kept
