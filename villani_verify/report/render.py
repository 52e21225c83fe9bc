"""From the results object to the files of a report."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from jinja2 import TemplateError
from markupsafe import Markup

from villani_verify.calibration.kept import kept
from villani_verify.errors import RequestError, one_line
from villani_verify.landscapes.code import code_in
from villani_verify.report import words
from villani_verify.report.calibration import calibration_section
from villani_verify.report.commands import replay_command, replay_python, reproduce_command, witness_program
from villani_verify.report.figures import Drawn, draw_figures
from villani_verify.report.numbers import percent, show, show_interval
from villani_verify.report.output import check_output, write_files
from villani_verify.report.pages import page_template
from villani_verify.report.tables import cost_table, facts, witness_table

_NEEDED = ("landscape", "environment", "seed", "budget", "engine", "temperatures", "criteria", "verdict_as_expected", "notes")
_READABLE_VERSION = 1


def write_report(results: Mapping[str, Any], directory: Path, *, beside: Collection[str] = ()) -> Path:
    """Write a report of a verification: `index.html`, `results.json` and `figures/*.svg`.

    The page holds its figures and styles itself, so it can be mailed, or opened from a file without a network. The
    same results give the same bytes. Either all files are written or none.

    Args:
        results: as `Verification.as_dict()` returns them, or a results file holds them.
        directory: must not exist yet, or be an empty directory.
        beside: what may be there, if anything is; then an earlier report is replaced.

    Returns:
        The path of `index.html`.

    Raises:
        OutputError: if the directory is not empty, or cannot be written.
        RequestError: if `results` is not a results object of this version.
    """
    directory = Path(directory)
    if not beside:
        check_output(directory)
    _check_results(results)
    try:
        figures = draw_figures(results)
        page = render_page(results, figures)
        data = json.dumps(results, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    except (ArithmeticError, AttributeError, IndexError, KeyError, RecursionError, TemplateError, TypeError, ValueError) as e:
        raise RequestError(
            f"results: {type(e).__name__} {one_line(e, 160)}; give the results object of a verification, unchanged"
        ) from e
    # Half a surrogate pair, in a name, is no text: it is written as an escape, which both formats have.
    files = {f"figures/{f.name}.svg": f.file for f in figures}
    files["results.json"] = data.encode("utf-8", "backslashreplace")
    files["index.html"] = page.encode("utf-8", "xmlcharrefreplace")
    write_files(directory, files, beside)
    return directory / "index.html"


def render_page(results: Mapping[str, Any], figures: list[Drawn]) -> str:
    """Return the page: verdicts first, in words, then witnesses, figures, the calibration, effort and environment."""
    rows, landscape = results["criteria"], results["landscape"]
    names = words.ordered(rows)
    return page_template("report.html").render(
        results=results,
        landscape=landscape,
        words=words,
        show=show,
        show_interval=show_interval,
        percent=percent,
        headline=words.headline(results),
        expectation=words.expectation(results),
        rows=[(n, rows[n]) for n in names],
        witnesses=[_witness(n, rows[n], landscape["request"]) for n in names if rows[n]["witness"]],
        figures=[(f, Markup(f.svg)) for f in figures],
        cost=cost_table(rows),
        notes=[*results["notes"], *(f"{words.TITLES[n]}: {note}" for n in names for note in rows[n]["evidence"].get("notes", []))],
        environment=facts(results["environment"]),
        calibration=calibration_section(kept()),
        reproduce=reproduce_command(results),
        made_in_python=landscape["request"] is None,
        code=code_in((landscape["request"] or {}).get("landscape")),
    )


def _witness(name: str, row: Mapping[str, Any], request: Mapping[str, Any] | None) -> dict[str, Any]:
    sentence = str(row["witness"].get("sentence", ""))
    return {
        "name": name,
        "title": words.TITLES[name],
        "sentence": sentence,
        "summary": row["summary"].removeprefix(sentence).strip(),  # it often starts with the same sentence
        "table": witness_table(row["witness"]),
        "command": replay_command("results.json", request or {}, name),
        "python": replay_python(name),
        "program": witness_program(row["witness"], request),
    }


def _check_results(results: Mapping[str, Any]) -> None:
    if not isinstance(results, Mapping):
        raise RequestError(f"results: {type(results).__name__} is not a results object; give a results.json of a verification")
    version = results.get("schema_version")
    if version != _READABLE_VERSION:
        raise RequestError(f"results: schema_version {version!r} is not {_READABLE_VERSION}; verify again with this version")
    missing = [n for n in _NEEDED if n not in results]
    if missing:
        raise RequestError(f"results: there is no {missing[0]!r}; give a complete results.json of a verification")
