"""One table of this package and its peers, on the same model, tokens and machine, from both comparisons.

python table.py --json ../results/peers/NAME.json
python table.py --landscape gpt-neo-125m --sequence-length 128 --no-traces --json …
python table.py --from ../results/peers/NAME.json --docs ../../docs/peers.md
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from subject import add_arguments, forwarded

from villani_verify.files import write_whole

HERE = Path(__file__).resolve().parent
BEGIN, END = "<!-- peers: made by asv_bench/peers/table.py -->", "<!-- end of peers -->"
# Package → what it is called in compare.py, and in traces.py; of several routines the one that is fastest to 1 % counts.
PACKAGES: Mapping[str, tuple[str, Sequence[str]]] = {
    "villani-verify": ("taylor", ("villani-verify", "villani-verify, Hutch++")),
    "PyHessian": ("PyHessian", ("PyHessian",)),
    "hessian-eigenthings": ("hessian-eigenthings", ("hessian-eigenthings, Hutchinson", "hessian-eigenthings, Hutch++")),
    "curvlinops": ("curvlinops", ("curvlinops, Hutchinson", "curvlinops, Hutch++")),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure or read, print the table, and put it where it is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep every number")
    parser.add_argument("--from", dest="kept", type=Path, metavar="FILE", help="measure nothing: what --json kept")
    parser.add_argument("--docs", type=Path, metavar="FILE", help="a Markdown page whose table between its marks is replaced")
    parser.add_argument("--no-traces", action="store_true", help="leave out seconds to 1 %%: for models where they take hours")
    add_arguments(parser)
    options = parser.parse_args(arguments)
    subject = forwarded(options)
    page = options.docs.read_text(encoding="utf-8") if options.docs else None
    if page is not None and not (BEGIN in page and END in page):
        parser.error(f"--docs {options.docs}: it lacks the lines {BEGIN} and {END}; add them where the table belongs")
    try:
        found = (
            json.loads(options.kept.read_text(encoding="utf-8"))
            if options.kept
            else measured(subject, traces=not options.no_traces)
        )
    except (OSError, ValueError) as error:
        parser.error(f"--from {options.kept}: {error}; give a file that --json wrote")
    except subprocess.CalledProcessError as error:
        parser.error(f"{' '.join(error.cmd[1:])}: ended with status {error.returncode}")
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        write_whole(options.json, json.dumps(found, indent=1) + "\n")
    table = markdown(found)
    print(table)
    if page is not None:
        before, rest = page.split(BEGIN, 1)
        write_whole(options.docs, f"{before}{BEGIN}\n\n{table}\n{END}{rest.split(END, 1)[1]}")
    return 0


def measured(subject: Sequence[str], *, traces: bool) -> dict[str, Any]:
    """Return what `compare.py` keeps, and with it under "traces" what `traces.py` keeps and the best routine of each package.

    Raises:
        subprocess.CalledProcessError: if one of them fails.
    """
    with tempfile.TemporaryDirectory() as scratch:
        found = _run("compare.py", subject, Path(scratch) / "compare.json")
        if not traces:
            return found
        kept = _run("traces.py", subject, Path(scratch) / "traces.json")
    return {**found, "traces": {**kept, "best": best_routines(kept["table"])}}


def best_routines(table: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return for each contender of `compare.py` the trace routine of its package that is fastest to 1 %, without its runs."""
    best = {}
    for form, routines in PACKAGES.values():
        rows = [{"routine": name, **table[name]} for name in routines if "error" not in table.get(name, {"error": ""})]
        if rows:
            row = min(rows, key=lambda r: r["seconds_to_one_per_cent"])
            best[form] = {**{k: v for k, v in row.items() if k != "runs"}, "num_runs": len(row["runs"])}
    return best


def _run(program: str, subject: Sequence[str], target: Path) -> dict[str, Any]:
    command = [sys.executable, str(HERE / program), *subject, "--json", str(target)]
    subprocess.run(command, check=True, stdout=sys.stderr)
    return dict(json.loads(target.read_text(encoding="utf-8")))


def markdown(found: Mapping[str, Any]) -> str:
    """Return the table, a sentence on what was measured before it."""
    options, about, traces = found["options"], found["about"], found.get("traces")
    where = about.get("device_name") or f"{about['threads']} threads"
    lines = [
        f"{options['landscape']}, {options['sequences']} × {options['sequence_length']} tokens, torch {about['torch']}, {where}, "
        f"{about['measured'][:10]}.",
        "",
        "| package | seconds a product | peak GB | seconds to 1 % true error | interval | covers |",
        "|---|---|---|---|---|---|",
    ]
    for name, (form, _) in PACKAGES.items():
        row = found["table"].get(form, {"error": "not measured"})
        cells = (
            [row["error"], ""] if "error" in row else [f"{row['seconds_per_probe']:.3g}", f"{row['peak_memory_bytes'] / 1e9:.2f}"]
        )
        lines.append("| " + " | ".join([name, *cells, *_trace_cells(traces, form)]) + " |")
    if traces:
        runs, matvecs = traces["options"]["runs"], traces["options"]["matvecs"]
        value, error = traces["reference"]
        lines += [
            "",
            f"Traces: {runs} runs of {matvecs} products each; reference {value:.5g} ± {error:.2g}. “Covers” counts runs whose 95 %",
        ]
        lines[-1] += " interval holds the reference."
    return "\n".join(lines) + "\n"


def _trace_cells(traces: Mapping[str, Any] | None, form: str) -> list[str]:
    if not traces:
        return ["not measured", "", ""]
    best = traces["best"].get(form)
    if best is None:
        return ["failed", "", ""]
    covers = f"{best['covered']} of {best['num_runs']}" if best["gives_interval"] else ""
    return [f"{best['seconds_to_one_per_cent']:.3g}", "yes" if best["gives_interval"] else "no", covers]


if __name__ == "__main__":
    sys.exit(main())
