"""Every code block of the README and of docs/ runs as it stands."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[object]:
    found = []
    for page in PAGES:
        for number, match in enumerate(m for m in BLOCK.finditer(page.read_text()) if m[1] == language):
            found.append(pytest.param(match[2], id=f"{page.stem}-{number}"))
    return found


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize("code", blocks("python"))
def test_python_blocks_run(code):
    exec(compile(code, "documentation", "exec"), {})


def page_commands(page: Path) -> list[str]:
    return [line for m in BLOCK.finditer(page.read_text()) if m[1] == "sh" for line in lines(m[2])]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_of_a_page_run_in_order(page, tmp_path, monkeypatch, capfd):
    from villani_verify.cli import main

    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.py").write_text(
        "from villani_verify import Landscape\n\ndef landscape():\n"
        "    return Landscape.from_function(lambda x: x.square().sum(), 2, weight_decay=0.1)\n"
    )
    ran = 0
    for command in page_commands(page):
        words = shlex.split(command)
        if "pip" in words:
            continue  # the two installing commands are what continuous integration runs
        if words[0] == "pytest":
            words[1] = str(ROOT / "properties" / "test_quadratic_growth.py")
            subprocess.run([sys.executable, "-m", "pytest", *words[1:], "-n", "0", "-q"], check=True, cwd=tmp_path, timeout=300)
        else:
            assert words[0] == "villani-verify"
            assert main(stand_in(words[1:])) == 0, capfd.readouterr().err
        ran += 1
    assert ran or page.stem not in ("README", "command-line")


def stand_in(words: list[str]) -> list[str]:
    """The hub is not asked in tests: a local directory with the small model stands in for its name, and its text."""
    if "EleutherAI/gpt-neo-125m" not in words:
        return words
    weights = ROOT / "villani_verify" / "landscapes" / "weights" / "gpt-neo-small"
    words = [str(weights) if w == "EleutherAI/gpt-neo-125m" else w for w in words]
    return [*words, "--dataset", "embedded", "--tokenizer", "bytes", "--sequence-length", "32"]


def test_the_readme_names_only_files_that_exist():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 90


def test_continuous_integration_runs_the_readmes_commands():
    for which in ("first", "second"):
        block = re.search(rf"<!-- {which} command -->\n```sh\n(.*?)\n```", (ROOT / "README.md").read_text(), re.DOTALL)
        assert block is not None
        assert block[1].startswith("pip install -c constraints/cpu.txt")
        assert f"{which} command" in (ROOT / ".ci" / "run").read_text()


def test_nothing_is_left_of_the_machine_it_was_written_on():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode or not os.path.isdir(ROOT / ".git"):
        pytest.skip("not a git checkout")
    home = "/wo" + "rk/"
    for name in listed.stdout.split():
        path = ROOT / name
        if path.suffix in {".py", ".md", ".toml", ".ini", ".txt", ".json", ".html", ".css", ""} and path.is_file():
            assert home not in path.read_text(errors="ignore"), name
