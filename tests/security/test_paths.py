"""Nothing is written outside --out, whatever landscapes, stores and plans are called."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from villani_verify.cli import main
from villani_verify.errors import ModelError, RequestError
from villani_verify.landscapes.models import check_directory
from villani_verify.runs.landscapes import load
from villani_verify.runs.unit import canonical, digest

NAMES = ["../../x", "/tmp/x", "..", ".", "a\0b", "a\nb", "-rf", "~/x", "C:\\x", "x" * 300, "\ud800", "\x1b]0;x\x07", ""]
FACTORY = """
import json
from pathlib import Path
from villani_verify import Landscape

def named():
    name = json.loads(Path(__file__).with_name("name.json").read_text())
    return Landscape.from_function(lambda x: (x**2).sum(), 2, weight_decay=0.1, name=name)
"""


def inside(root: Path, allowed: Path) -> None:
    """Check that all files below `root` are below `allowed`, but for what was there before."""
    there = {"factory.py", "name.json", "plan.toml"}
    for path in root.rglob("*"):
        if path.is_file() and path.name not in there and "__pycache__" not in path.parts:
            assert path.is_relative_to(allowed), path


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory deep enough that ../.. is seen."""
    work = tmp_path / "a" / "b" / "work"
    work.mkdir(parents=True)
    monkeypatch.chdir(work)
    (work / "factory.py").write_text(FACTORY, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_report_is_below_its_directory_whatever_the_landscape_is_called(place: Path, name: str) -> None:
    Path("name.json").write_text(json.dumps(name))
    assert main(["verify", "--landscape", "factory.py:named", "--criteria", "quadratic_growth"]) in (0, 2)
    inside(place, Path.cwd() / "villani-reports")
    for report in Path("villani-reports").glob("*"):
        assert report.name[0].isalnum()
        assert main(["report", str(report), "--out", "again"]) == 0
        shutil.rmtree("again")


@pytest.mark.parametrize("name", NAMES[:6], ids=ascii)
def test_a_campaign_is_below_its_directory_whatever_the_landscape_is_called(place: Path, name: str) -> None:
    Path("name.json").write_text(json.dumps(name))
    Path("plan.toml").write_text('landscape = "factory.py:named"\nradii = [1.0]\ncriteria = ["quadratic_growth"]\n')
    assert main(["campaign", "plan.toml", "--out", "out"]) in (0, 2)
    inside(place, Path.cwd() / "out")


@pytest.mark.parametrize(
    "entry",
    ['model = "a\\u0000b"', 'model = "../../../etc"', 'landscape = "a\\u0000b.py:f"', 'landscape = "../x"', 'dataset = "a\\u0000b"',
     'tokenizer = "a\\u0000b"', 'dataset = "ptb"\ndata_dir = "a\\u0000b"'],
)  # fmt: skip
def test_a_plan_with_strange_paths_is_refused_in_one_line(place: Path, capsys: pytest.CaptureFixture[str], entry: str) -> None:
    named = "" if entry.startswith(("model", "landscape")) else 'landscape = "gpt-neo-tiny"\n'
    Path("plan.toml").write_text(f"radii = 1\n[[landscape]]\n{named}{entry}\n", encoding="utf-8")
    assert main(["campaign", "plan.toml", "--out", "out"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not Path("out").exists()


def test_options_with_a_zero_byte_are_refused_in_one_line(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (
        ["verify", "--landscape", "double-well", "--criteria", "quadratic_growth", "--out", "a\0b"],
        ["verify", "--landscape", "double-well", "--criteria", "quadratic_growth", "--json", "a\0b"],
        ["campaign", "a\0b", "--out", "out"],
        ["runs", "show", "a\0b"],
        ["replay", "a\0b"],
        ["report", "a\0b", "--out", "out"],
    ):
        assert main(command) == 2, command
        assert len(capsys.readouterr().err.splitlines()) == 1, command


def test_tables_of_a_store_with_strange_names_are_below_its_directory(place: Path) -> None:
    Path("plan.toml").write_text('landscape = "double-well"\nradii = [1.0]\n')
    assert main(["campaign", "plan.toml", "--out", "out"]) == 0
    with contextlib.closing(sqlite3.connect("out/runs.sqlite")) as connection, connection:
        ((settings,),) = connection.execute("SELECT value FROM about WHERE name = 'settings'")
        strange = settings.replace('"name":"double-well"', '"name":"../../x"')
        assert strange != settings
        connection.execute("UPDATE about SET value = ? WHERE name = 'settings'", (strange,))
        about = dict(connection.execute("SELECT name, value FROM about WHERE name <> 'checksum'"))
        connection.execute("UPDATE about SET value = ? WHERE name = 'checksum'", (digest(canonical(about)),))
    for table in ("points", "units"):
        assert main(["runs", "export", "out", "--to", f"out/{table}.json", "--table", table]) == 0
    assert "../../x" in Path("out/points.json").read_text()
    inside(place, Path.cwd() / "out")


def test_a_unit_that_names_a_landscape_by_a_path_is_not_looked_up(place: Path) -> None:
    with pytest.raises(RequestError, match="no digest"):
        load("../../../../etc/x", Path("out"), "cpu")


@pytest.mark.parametrize("file", ["../outside.safetensors", "/etc/passwd.safetensors", "a\0b", "pytorch_model.bin", 3, None, ["x"]])
def test_an_index_that_leaves_its_directory_is_refused(tmp_path: Path, file: object) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").touch()
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"w": file}}))
    with pytest.raises(ModelError, match=r"index\.json (is damaged|names)"):
        check_directory(tmp_path, "model directory 'x'")
