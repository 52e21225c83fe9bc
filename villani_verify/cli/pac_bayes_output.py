"""Where the results of `pac-bayes` go: files, and tables with sentences on standard output."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from villani_verify.cli.output import check_file_target, check_json_target, write_json
from villani_verify.files import write_file

_COLUMNS = ("λ", "σ", "KL", "KL/n", "loss of Q", "held out", "Maurer–Seeger", "Catoni", "McAllester")


def check_targets(figure: Path | None, out: Path | None, json_target: str | None) -> None:
    """Check that everything can be written where it was asked for.

    Raises:
        OutputError: if not.
    """
    check_json_target(json_target)
    if figure is not None:
        check_file_target(str(figure), "figure")
    if out is not None:
        from villani_verify.report import check_output

        check_output(out)


def write(results: Mapping[str, Any], figure: Path | None, out: Path | None, json_target: str | None) -> None:
    """Write the results object and the figure.

    Raises:
        OutputError: if they cannot be written.
    """
    if json_target is not None:
        write_json(results, json_target)
    if figure is None and out is None:
        return
    from villani_verify.report.figures.pac_bayes import draw_pac_bayes

    drawn = draw_pac_bayes(results)
    if figure is not None:
        write_file(drawn.svg + "\n", str(figure), "figure")
    if out is not None:
        from villani_verify.report.output import write_files

        text = json.dumps(results, indent=2, allow_nan=False) + "\n"
        write_files(out, {f"{drawn.name}.svg": drawn.svg.encode(), "results.json": text.encode()})


def show(results: Mapping[str, Any]) -> None:
    """Print the tables and what they mean."""
    from villani_verify.cli.console import print_lines, print_table, show_number

    loss, sample = results["loss"], results["sample"]
    print_lines(
        f"{results['landscape']}: {results['dimension']:,} parameters; {loss['name']} in {loss['unit']}, "
        f"at most {loss['scale']:.4g}; n = {sample['size']:,} sequences; confidence {results['confidence']['level']:.4g}\n"
    )
    for title, rows in (("best σ for each λ", results["over_precision"]), ("best λ for each σ", results["over_deviation"])):
        print_lines(title)
        print_table(
            _COLUMNS,
            [
                [
                    show_number(r["prior_precision"]), show_number(r["posterior_sd"]), show_number(r["divergence"]),
                    show_number(r["divergence_per_draw"], 3), show_number(r["empirical_loss"]["value"], 3),
                    "–" if r["held_out_loss"] is None else show_number(r["held_out_loss"]["value"], 3),
                    *(show_number(r["bounds"][name], 4) for name in ("maurer-seeger", "catoni", "mcallester")),
                ]
                for r in rows
            ],
        )  # fmt: skip
        print_lines("")
    print_lines(*_sentences(results))


def _sentences(results: Mapping[str, Any]) -> list[str]:
    """Return what the table means."""
    from villani_verify.report.words_pac_bayes import held_out_words, verdict_words

    lines = [verdict_words(results), held_out_words(results)]
    lines += [f"condition: {c['claim']}: {c['status']} ({c['why']})" for c in results["conditions"]]
    return lines + [f"note: {note}" for note in results["notes"]]
