"""The table: what can be wrong, by command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.faults.case import Case
from tests.faults.inputs import (
    campaign,
    cut_in_half,
    edited,
    empty_results,
    factories,
    file,
    full_disk,
    impatient,
    model,
    plan,
    results,
    several,
    working,
)

_WELL = ("verify", "--landscape", "double-well")
_TINY = ("verify", "--landscape", "gpt-neo-tiny")
_MODEL = ("verify", "--model", "./model")
_GPT2 = {"model_type": "gpt2"}
_CAMPAIGN = ("campaign", "plan.toml", "--out", "new")
_AGAIN = ("campaign", "plan.toml", "--out", "done")
_REPORT = ("report", "results.json", "--out", "new")
_DECAY_INSIDE = "[[landscape]]\nlandscape = 'double-well'\nweight_decay = 1\n"
_OTHER_RESULT = "UPDATE results SET result = '1' WHERE number = 0"
_OTHER_CODE = "UPDATE about SET value = '0123abcd0123' WHERE name = 'mathematics'"
_OTHER_PLAN = """UPDATE about SET value = replace(value, '"rays":1', '"rays":2') WHERE name = 'settings'"""
_CODE = {"landscape": "mine.py:make"}
_WITNESS = {"kind": "bounded-family", "criterion": "differential_growth_uniform"}

VERIFY = (
    Case("a landscape whose name is misspelt", ("verify", "--landscape", "double-wel")),
    Case("an empty name, as from an unset variable", ("verify", "--landscape", "")),
    Case("a landscape and a model", (*_WELL, "--model", "m")),
    Case("a criterion whose name is misspelt", (*_WELL, "--criteria", "smoothnes")),
    Case("a budget that there is not", (*_WELL, "--budget", "quik")),
    Case("an engine that there is not", (*_WELL, "--engine", "revers")),
    Case("a status that there is not", (*_WELL, "--expect", "smoothness=true")),
    Case("an expectation without a status", (*_WELL, "--expect", "smoothness")),
    Case(
        "an expectation of a criterion that is not checked",
        (*_WELL, "--criteria", "smoothness", "--expect", "gaussian_tails=supported"),
    ),
    Case("a negative weight decay", (*_WELL, "--weight-decay", "-0.1")),
    Case("a weight decay that is no number", (*_WELL, "--weight-decay", "much"), foreign=r"Input.*number"),
    Case("a temperature of 0", (*_WELL, "--temperature", "0")),
    Case("a temperature that is NaN", (*_WELL, "--temperature", "nan")),
    Case("a dtype too coarse for a Laplacian", (*_WELL, "--dtype", "bfloat16")),
    Case("a pattern that fits no parameter", (*_TINY, "--no-decay", "*.biass")),
    Case("a text for a formula", (*_WELL, "--dataset", "embedded", "--sequences", "4")),
    Case("a data set whose name is misspelt", (*_TINY, "--dataset", "ptv")),
    Case("a data directory without the file", (*_TINY, "--dataset", "ptb", "--data-dir", ".")),
    Case("a split that there is not", (*_TINY, "--split", "vaild")),
    Case("a tokenizer that there is not", (*_TINY, "--tokenizer", "./nowhere")),
    Case("a tokenizer with more tokens than the model", (*_TINY, "--tokenizer", "bytes")),
    Case("no sequences", (*_TINY, "--sequences", "0")),
    Case("sequences longer than the model's positions", (*_TINY, "--sequence-length", "5000")),
    Case("an empty text", (*_TINY, "--dataset", "empty.txt"), file("empty.txt", "")),
    Case("a text that is too short", (*_TINY, "--dataset", "short.txt"), file("short.txt", "too short")),
    Case("a text in Latin-1", (*_TINY, "--dataset", "latin.txt"), file("latin.txt", "Käse und Brot".encode("latin-1") * 50)),
    Case("an option that there is not", (*_WELL, "--wieght-decay", "1"), foreign=r"No such.*\(see"),
    Case("an output directory that is not empty", (*_WELL, "--out", "there"), file("there/precious.txt", "keep me")),
    Case("an output directory below a file", (*_WELL, "--out", "file/report"), file("file", "")),
    Case("JSON into a directory that there is not", (*_WELL, "--json", "nowhere/r.json")),
    Case("a file of code that there is not", ("verify", "--landscape", "missing.py:bowl")),
    Case("a file of code without that function", ("verify", "--landscape", "factories.py:absent"), factories),
    Case(
        "code that is no Python",
        ("verify", "--landscape", "broken.py:f"),
        file("broken.py", "def broken(:\n"),
        foreign=r"invalid syntax.*1\)",
    ),
    Case("a factory that raises", ("verify", "--landscape", "factories.py:raises"), factories),
    Case("a factory that returns no landscape", ("verify", "--landscape", "factories.py:none"), factories),
    Case("a loss that is NaN", ("verify", "--landscape", "factories.py:nan"), factories),
    Case("a loss that is negative", ("verify", "--landscape", "factories.py:negative"), factories),
    Case("a loss that is another each time", ("verify", "--landscape", "factories.py:random"), factories),
    Case("a loss that is a vector", ("verify", "--landscape", "factories.py:vector"), factories),
    Case("a loss that does not depend on θ", ("verify", "--landscape", "factories.py:detached"), factories),
)

MODELS = (
    Case("a directory that there is not", ("verify", "--model", "./nowhere")),
    Case("no config.json", _MODEL, file("model/model.safetensors", b"")),
    Case("a config.json that is no JSON", _MODEL, model("{", model__safetensors=b"")),
    Case("an architecture that nobody knows", _MODEL, model({"model_type": "novel"}, model__safetensors=b"")),
    Case("pickled weights", _MODEL, model(_GPT2, pytorch_model__bin=b"cos\nsystem\n(S'touch exploded'\ntR.")),
    Case("damaged safetensors", _MODEL, model(_GPT2, model__safetensors=b"\0" * 40), foreign=r"\(Error.*\)"),
    Case("no weights at all", _MODEL, model(_GPT2)),
    Case(
        "a model that brings code of its own",
        _MODEL,
        several(
            model({"model_type": "nonsense", "auto_map": {"AutoModelForCausalLM": "code.Model"}}, model__safetensors=b""),
            file("model/code.py", "open('exploded', 'w')\n"),
        ),
    ),
)  # fmt: skip

PSI = (
    Case("a negative radius", ("psi", "--landscape", "double-well", "--radius", "-1")),
    Case("one probe, which has no standard error", ("psi", "--landscape", "gpt-neo-tiny", "--num-probes", "1")),
    Case("a method whose name is misspelt", ("psi", "--method", "hutch")),
    Case("a relative error of 0", ("psi", "--landscape", "double-well", "--target-relative-error", "0")),
)

CONSTANTS = (
    Case("a dimension without a weight decay", ("constants", "--dimension", "10")),
    Case("no dimensions", ("constants", "--dimension", "0", "--weight-decay", "1")),
    Case("an audit of numbers alone", ("constants", "--dimension", "2", "--weight-decay", "1", "--audit")),
    Case("a weight decay of 0", ("constants", "--dimension", "2", "--weight-decay", "0")),
    Case("a negative oscillation", ("constants", "--dimension", "2", "--weight-decay", "1", "--oscillation", "-1")),
    Case("a slice of more parameters than there are", ("constants", "--landscape", "double-well", "--slice", "9")),
)

SPECTRUM = (
    Case("a radius of 0", ("spectrum", "--landscape", "double-well", "--radius", "0")),
    Case("no probes", ("spectrum", "--landscape", "double-well", "--num-probes", "0")),
    Case("no steps", ("spectrum", "--landscape", "double-well", "--steps", "0")),
    Case("a memory that is no number", ("spectrum", "--landscape", "double-well", "--memory", "lots"), foreign=r"Input.*number"),
)

LANGEVIN = (
    Case("going on without a directory", ("langevin", "--landscape", "double-well", "--resume")),
    Case("going on where nothing was begun", ("langevin", "--landscape", "double-well", "--resume", "--out", "new")),
    Case("too few chains", ("langevin", "--landscape", "double-well", "--chains", "1")),
    Case("a step size of 0", ("langevin", "--landscape", "double-well", "--step-size", "0")),
    Case("a start that there is not", ("langevin", "--landscape", "double-well", "--start", "here")),
    Case("mini-batches of a formula", ("langevin", "--landscape", "double-well", "--batch", "2")),
)

PAC_BAYES = (
    Case("a landscape that is no language model", ("pac-bayes", "--landscape", "double-well")),
    Case("a loss that there is not", ("pac-bayes", "--landscape", "gpt-neo-tiny", "--loss", "accuracy")),
    Case("precision and variance of the prior", ("pac-bayes", "--prior-precision", "1", "--prior-variance", "1")),
    Case("a variance of 0", ("pac-bayes", "--prior-variance", "0")),
    Case("a failure probability of 1", ("pac-bayes", "--landscape", "gpt-neo-tiny", "--delta", "1")),
)

REPRODUCE = (
    Case("a size that there is not", ("reproduce", "--size", "huge", "--out", "new")),
    Case("a part that there is not", ("reproduce", "--section", "constant", "--out", "new")),
    Case("a directory that holds something else", ("reproduce", "--out", "there"), file("there/precious.txt", "keep me")),
)

CAMPAIGN = (
    Case("a plan that there is not", _CAMPAIGN),
    Case("a plan that is no TOML", _CAMPAIGN, file("plan.toml", "radii = [1,"), foreign=r"\(.*\)"),
    Case("a plan without a landscape", _CAMPAIGN, file("plan.toml", "radii = [1.0]\n")),
    Case("an entry whose name is misspelt", _CAMPAIGN, plan("ray = 3\n")),
    Case("a number that is text", _CAMPAIGN, plan('rays = "three"\n')),
    Case("a radius of 0", _CAMPAIGN, file("plan.toml", 'landscape = "double-well"\nradii = [0]\n')),
    Case("the same radius twice", _CAMPAIGN, file("plan.toml", 'landscape = "double-well"\nradii = [1, 1]\n')),
    Case("nothing to measure", _CAMPAIGN, file("plan.toml", 'landscape = "double-well"\n')),
    Case("more units than anybody can compute", _CAMPAIGN, plan("rays = 1_000_000_000\n")),
    Case("a weight decay inside a landscape", _CAMPAIGN, plan(_DECAY_INSIDE, of="radii = 1\n")),
    Case("a landscape that there is not", _CAMPAIGN, file("plan.toml", 'landscape = "double-wel"\nradii = 1\n')),
    Case("a part beyond the last", (*_CAMPAIGN, "--part", "3/2"), plan()),
    Case("an executor that there is not", (*_CAMPAIGN, "--executor", "threads:2"), plan()),
    Case("no processes", (*_CAMPAIGN, "--executor", "processes:0"), plan()),
    Case("a limit of time that is negative", (*_CAMPAIGN, "--unit-seconds", "-1"), plan()),
    Case("a directory that holds something else", ("campaign", "plan.toml", "--out", "."), plan()),
    Case("a campaign that is there already", _AGAIN, campaign()),
    Case("going on with another plan", (*_AGAIN, "--resume"), several(campaign(), plan("rays = 2\n"))),
    Case("going on with a store cut in half", (*_AGAIN, "--resume"), campaign(cut_in_half), foreign=r"\(.*?\)"),
    Case("going on with a result that has changed", (*_AGAIN, "--resume"), campaign(edited(_OTHER_RESULT))),
    Case("going on with other mathematics", (*_AGAIN, "--resume"), campaign(edited(_OTHER_CODE))),
    Case("another process at work there", (*_AGAIN, "--resume"), campaign(), during=lambda: working("done/lock")),
)  # fmt: skip

RUNS = (
    Case("salvage of a directory of something else", ("runs", "salvage", "there"), file("there/precious.txt", "keep me")),
    Case(
        "a merger into a directory of something else",
        ("runs", "merge", "there", "done"),
        several(campaign(), file("there/precious.txt", "keep me")),
    ),
    Case(
        "a merger with another campaign",
        ("runs", "merge", "done", "other"),
        several(campaign(), campaign(edited(_OTHER_PLAN), to="other")),
    ),
    Case("a directory that there is not", ("runs", "list", "nowhere")),
    Case("a directory without a campaign", ("runs", "show", ".")),
    Case(
        "a store that is no store",
        ("runs", "show", "other"),
        file("other/runs.sqlite", "not a database at all, whatever its name" * 30),
        foreign=r"\(file.*database\)",
    ),
    Case("a store with other tables", ("runs", "show", "done"), campaign(edited("CREATE VIEW more AS SELECT 1"))),
    Case(
        "a store of a newer version",
        ("runs", "show", "done"),
        campaign(edited("UPDATE about SET value = '99' WHERE name = 'schema_version'")),
    ),
    Case("a table that there is not", ("runs", "export", "done", "--to", "t.csv", "--table", "point"), campaign()),
    Case("a format that there is not", ("runs", "export", "done", "--to", "t.xls"), campaign()),
    Case("a table into a directory that there is not", ("runs", "export", "done", "--to", "nowhere/t.csv"), campaign()),
    Case(
        "salvage without settings", ("runs", "salvage", "done"), campaign(lambda directory: (directory / "settings.json").unlink())
    ),
    Case("salvage where nothing is", ("runs", "salvage", "done"), campaign(lambda directory: (directory / "runs.sqlite").unlink())),
)

REPLAY = (
    Case("results that there are not", ("replay", "results.json")),
    Case("results that are no JSON", ("replay", "results.json"), file("results.json", "not JSON")),
    Case("results without a refutation", ("replay", "results.json"), results(empty_results())),
    Case("results whose landscape is code, which is not named", ("replay", "results.json"), results(_WITNESS | {"request": _CODE})),
    Case("a witness of no landscape", ("replay", '{"kind": "bounded-family"}')),
    Case("a witness of a kind that there is not", ("replay", '{"kind": "rumour"}', "--landscape", "double-well")),
    Case("a witness that is not whole", ("replay", "results.json", "--landscape", "double-well"), results(_WITNESS)),
)  # fmt: skip

REPORT = (
    Case("results that are not UTF-8", _REPORT, file("results.json", b"\xff\xfe")),
    Case("results of a newer version", _REPORT, results({"schema_version": 99})),
    Case("results without criteria", _REPORT, results({"schema_version": 1, "landscape": {}})),
    Case("results that lack something", _REPORT, results(empty_results(landscape={"name": "bowl"}))),
    Case("results with a number too large", _REPORT, results(empty_results(landscape={
        "name": "bowl", "dimension": 10**400, "weight_decay": 0.1, "request": None}))),
    Case("an output directory that is not empty", ("report", "results.json", "--out", "."), results(empty_results())),
)  # fmt: skip

ENVIRONMENT = (
    Case("a command that there is not", ("verfy",), foreign=r"No such.*\(see"),
    Case("a device that there is not", (*_WELL, "--device", "tpu"), foreign="use one of.*"),
    Case("a disk that is full, for JSON", ("constants", "--dimension", "2", "--weight-decay", "1", "--json", "/dev/full")),
    Case("a disk that is full, for a campaign", _CAMPAIGN, plan("rays = 40\n"), during=full_disk, foreign=r"\(.*?\)", leaves=True),
    Case(
        "Ctrl-C after the first criterion",
        ("verify", "--landscape", "factories.py:interrupted"),
        factories,
        status=130,
        leaves=True,
    ),
    Case(
        "Dask without a scheduler",
        (*_CAMPAIGN, "--executor", "dask:tcp://127.0.0.1:1"),
        plan(),
        during=impatient,
        foreign=r"\(.*\)",
        leaves=True,
    ),
)

CASES: Mapping[str, Sequence[Case]] = {
    "verify": VERIFY, "Models (`--model`, of every command)": MODELS, "psi": PSI, "constants": CONSTANTS, "spectrum": SPECTRUM,
    "langevin": LANGEVIN, "pac-bayes": PAC_BAYES, "reproduce": REPRODUCE, "campaign": CAMPAIGN, "runs": RUNS, "replay": REPLAY,
    "report": REPORT, "Machine": ENVIRONMENT,
}  # fmt: skip
