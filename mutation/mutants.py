"""All mutants as cosmic-ray takes them: the planted defects, and a fixed draw from its own operators.

The draw is addressed, not streamed, as probes are: a place in the code ranks by a hash of the seed, its file, its definition and
its line. So an edit changes the draw in the lines that it touches only, and the names of the others stay.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cosmic_ray.plugins
import parso
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.ast.ast_query import ASTQuery
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from defects import PACKAGE, Defect, changed_lines, planted_defects
from score import Mutant

SEED = 0
DRAWN = 48
MATHEMATICS = ("estimation", "curvature", "criteria", "search")


class PlantedProvider:
    """cosmic-ray's operators for the planted defects, one for each: planted/NAME."""

    def __init__(self, defects: Sequence[Defect]) -> None:
        self._operators = {d.name: _operator_of(d) for d in defects}

    def __iter__(self) -> Iterator[str]:
        return iter(self._operators)

    def __getitem__(self, name: str) -> Callable[[], Operator]:
        return self._operators[name]


def _operator_of(defect: Defect) -> Callable[[], Operator]:
    class Planted(Operator):
        """Replaces the defect's code where the whole file is visited: what is replaced need not be a node."""

        def mutation_positions(self, node: Any) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
            if node.type == "file_input" and defect.code in node.get_code():
                yield node.start_pos, node.end_pos

        def mutate(self, node: Any, index: int) -> Any:
            return parso.parse(defect.planted_in(node.get_code()))

        @classmethod
        def examples(cls) -> tuple[()]:
            return ()

    return Planted


def planted(root: Path) -> list[Mutant]:
    """Return the planted defects, and make them known to cosmic-ray.

    Raises:
        TableError: if one no longer fits the source.
    """
    defects = planted_defects()
    # In place of an entry point, for which this folder would have to be a package that is installed.
    cosmic_ray.plugins.OPERATOR_PROVIDERS["planted"] = PlantedProvider(defects)
    found = []
    for d in defects:
        source = (root / PACKAGE / d.file).read_text(encoding="utf-8")
        before, after = changed_lines(source, d.planted_in(source))
        found.append(Mutant(d.name, d.file, f"planted/{d.name}", 0, before, after, d.consequence))
    return found


def drawn(root: Path, *, seed: int = SEED, count: int = DRAWN) -> list[Mutant]:
    """Return `count` mutants of the mathematics, at different places, by cosmic-ray's own operators."""
    places: dict[tuple[str, ...], list[tuple[str, str, int]]] = {}
    sources: dict[str, str] = {}
    for path in sorted(p for part in MATHEMATICS for p in (root / PACKAGE / part).rglob("*.py")):
        file = path.relative_to(root / PACKAGE).as_posix()
        sources[file] = path.read_text(encoding="utf-8")
        for place, operator, occurrence in _mutations(sources[file]):
            places.setdefault((file, *place), []).append((operator, file, occurrence))
    found: list[Mutant] = []
    for place in sorted(places, key=lambda place: _rank(seed, *place)):
        # Several operators act at one place: one of them is taken, the first by rank that gives a program.
        numbered = enumerate(places[place])
        for _, (operator, file, occurrence) in sorted(numbered, key=lambda pair: _rank(seed, *place, pair[1][0], str(pair[0]))):
            mutated = mutate_code(sources[file], cosmic_ray.plugins.get_operator(operator)(), occurrence)
            if _is_program(mutated):
                before, after = changed_lines(sources[file], mutated)
                name = f"{file}:{place[1]}:{operator.removeprefix('core/')}:{_rank(0, before, after)[:6]}"
                found.append(Mutant(name, file, operator, occurrence, before, after))
                break
        if len(found) == count:
            break
    return found


def _mutations(source: str) -> Iterator[tuple[tuple[str, ...], str, int]]:
    """Yield (definition, line and number of the place within it), operator and occurrence of all that is possible."""
    tree = get_ast(source)
    lines = source.splitlines()
    nodes = list(ast_nodes(tree))
    for name in cosmic_ray.plugins.operator_names():
        operator_class = cosmic_ray.plugins.get_operator(name)
        if not name.startswith("core/") or operator_class.arguments():
            continue
        operator, occurrence = operator_class(), -1
        for node in nodes:
            for (row, column), _ in operator.mutation_positions(node):
                occurrence += 1
                if not _is_syntax(node):
                    definition = ASTQuery(node).get_definition_name() or "module"
                    yield (definition, lines[row - 1].strip(), str(column - len(lines[row - 1]))), name, occurrence


def _is_program(text: str) -> bool:
    try:
        compile(text, "mutant", "exec")
    except SyntaxError:
        return False
    return True


def _is_syntax(node: Any) -> bool:
    """Say whether a node is in an annotation, which nothing evaluates, or is the bare * of a signature, which is no operator."""
    if node.type == "operator" and node.parent.type == "parameters":
        return True
    while node.parent is not None:
        parent = node.parent
        if parent.type == "annassign" and parent.children[1] is node:
            return True
        if parent.type == "tfpdef" and parent.children[0] is not node:
            return True
        if parent.type == "funcdef" and parent.annotation is node:
            return True
        node = parent
    return False


def _rank(seed: int, *parts: str) -> str:
    return hashlib.blake2b("\0".join((str(seed), *parts)).encode(), digest_size=16).hexdigest()
