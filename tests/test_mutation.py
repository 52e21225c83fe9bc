"""The tables of planted defects fit the source. Planting them takes over an hour: `tox -e mutation`."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
FEWEST_PLANTED = 45


@pytest.fixture
def mutation(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    monkeypatch.syspath_prepend(str(ROOT / "mutation"))
    return SimpleNamespace(**{name: importlib.import_module(name) for name in ("defects", "score", "selection")})


def source_of(file: str) -> str:
    return (ROOT / "villani_verify" / file).read_text(encoding="utf-8")


def test_every_planted_defect_fits_one_place_and_is_another_program(mutation: SimpleNamespace) -> None:
    defects = mutation.defects.planted_defects()
    assert len(defects) >= FEWEST_PLANTED
    for d in defects:
        source = source_of(d.file)
        changed = d.planted_in(source)
        compile(changed, d.name, "exec")
        assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(source)), d.name
        assert d.consequence.endswith("."), d.name


def test_no_two_planted_defects_are_the_same(mutation: SimpleNamespace) -> None:
    changes = [(d.file, d.planted_in(source_of(d.file))) for d in mutation.defects.planted_defects()]
    assert len(set(changes)) == len(changes)


def test_every_planted_defect_meets_tests_that_exist(mutation: SimpleNamespace) -> None:
    for d in mutation.defects.planted_defects():
        narrow, wide = (select(d.file, ROOT) for select in (mutation.selection.narrow, mutation.selection.wide))
        assert narrow, f"{d.name}: no test mirrors {d.file}"
        assert not set(narrow) & set(wide)
        for test in (*narrow, *wide):
            assert (ROOT / test).exists(), f"{d.name}: {test}"


def test_every_survivor_that_was_planted_is_in_a_table(mutation: SimpleNamespace) -> None:
    planted = {d.name for d in mutation.defects.planted_defects()}
    # A drawn mutant's name begins with its file; whether it is still drawn, the run itself says.
    assert [name for name in mutation.defects.survivor_reasons() if ":" not in name and name not in planted] == []


@pytest.mark.parametrize(("source", "count"), [("a = 2", 0), ("a = 1\nb = a = 1", 2)])
def test_a_defect_whose_code_is_not_there_once_says_so_in_one_line(mutation: SimpleNamespace, source: str, count: int) -> None:
    defect = mutation.defects.Defect("wrong-sign", "points.py", "a = 1", "a = -1", "All is lost.")
    assert defect.planted_in("a = 1\n") == "a = -1\n"
    message = rf"^defect 'wrong-sign': `a = 1` is found {count} times in points.py, not once; mend its entry$"
    with pytest.raises(mutation.defects.TableError, match=message):
        defect.planted_in(source)


def test_cosmic_ray_plants_what_the_table_says(mutation: SimpleNamespace) -> None:
    pytest.importorskip("cosmic_ray", reason="only the environment that plants the defects has cosmic-ray")
    mutants = importlib.import_module("mutants")
    plugins, mutating = (importlib.import_module(f"cosmic_ray.{name}") for name in ("plugins", "mutating"))
    by_name = {d.name: d for d in mutation.defects.planted_defects()}
    for m in mutants.planted(ROOT)[::20]:
        source = source_of(m.file)
        operator = plugins.get_operator(m.operator)()
        assert mutating.mutate_code(source, operator, m.occurrence) == by_name[m.name].planted_in(source)
        assert mutating.mutate_code(source, operator, m.occurrence + 1) is None


def rows(kind: str, *rows: dict[str, str]) -> str:
    return "\n".join(f"[[{kind}]]\n" + "\n".join(f'{k} = "{v}"' for k, v in row.items()) for row in rows)


COMPLETE = {"name": "n", "file": "f", "code": "c", "replacement": "r", "consequence": "q"}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([COMPLETE, COMPLETE], r"^defect 'n': there are 2 of that name; rename all but one$"),
        ([{"name": "n"}], r"^planted defects in planted: .*missing.*; each has name, file, code, replacement and consequence$"),
        ([COMPLETE | {"cause": "x"}], r"unexpected keyword argument 'cause'; each has name"),
    ],
)
def test_a_wrong_table_is_refused(mutation: SimpleNamespace, tmp_path: Path, table: list[dict[str, str]], message: str) -> None:
    folder = tmp_path / "planted"
    folder.mkdir()
    (folder / "one.toml").write_text(rows("defect", *table))
    with pytest.raises(mutation.defects.TableError, match=message):
        mutation.defects.planted_defects(folder)


@pytest.mark.parametrize("row", [{"name": "n"}, {"name": "n", "reason": " "}, {"reason": "r"}])
def test_a_survivor_without_name_or_reason_is_refused(mutation: SimpleNamespace, tmp_path: Path, row: dict[str, str]) -> None:
    table = tmp_path / "survivors.toml"
    table.write_text(rows("survivor", row))
    with pytest.raises(mutation.defects.TableError, match=r"in survivors\.toml: it lacks a name or a reason"):
        mutation.defects.survivor_reasons(table)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("a\nb\nc\n", "a\nx\nc\n", ("b", "x")),
        ("a\n  b\n  b\n", "a\n  b\n", ("b", "")),
        ("@p\ndef f(): ...\n", "def f(): ...\n", ("@p", "")),
        ("a\n", "b\nc\n", ("a", "b c")),
    ],
)
def test_changed_lines(mutation: SimpleNamespace, before: str, after: str, expected: tuple[str, str]) -> None:
    assert mutation.defects.changed_lines(before, after) == expected


class TestReport:
    def outcomes(self, mutation: SimpleNamespace, killed: int, survived: int) -> list[Any]:
        score = mutation.score
        mutants = [score.Mutant(f"m{i}", "points.py", "core/AddNot", 0, "a", "not a") for i in range(killed + survived)]
        return [score.Outcome(m, i < killed, "", 1.0) for i, m in enumerate(mutants)]

    def test_all_killed(self, mutation: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
        assert mutation.score.report(self.outcomes(mutation, 20, 0), {}) == 0
        assert capsys.readouterr().out == "\n20 of 20 mutants killed: 100.0% (at least 95% are wanted)\n"

    def test_a_survivor_with_a_reason(self, mutation: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
        assert mutation.score.report(self.outcomes(mutation, 19, 1), {"m19": "It is the same function."}) == 0
        assert "m19 survives\n    points.py\n    − a\n    + not a\n    It is the same function.\n" in capsys.readouterr().out

    def test_a_survivor_without_a_reason(self, mutation: SimpleNamespace) -> None:
        assert mutation.score.report(self.outcomes(mutation, 199, 1), {}) == 1

    def test_too_many_survivors_whatever_their_reasons(self, mutation: SimpleNamespace) -> None:
        assert mutation.score.report(self.outcomes(mutation, 18, 2), {"m18": "r", "m19": "r"}) == 1

    def test_a_reason_for_what_is_killed(self, mutation: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
        assert mutation.score.report(self.outcomes(mutation, 20, 0), {"m3": "r"}) == 1
        assert "m3 is listed as a survivor, and was killed" in capsys.readouterr().out
