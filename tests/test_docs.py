"""Every code block of the README and of docs/ runs as it stands."""

import contextlib
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token
from typer.main import get_command

from villani_verify.cli.app import app
from villani_verify.landscapes.architectures import gpt_neo_tiny

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# A block that begins with this is a file, which the commands of its page find where they run.
FILE = "# file.py\n"
SMALL_FILE = (
    "from villani_verify import Landscape\n\ndef landscape():\n"
    "    return Landscape.from_function(lambda x: x.square().sum(), 2, weight_decay=0.1)\n"
)
# The same for plans of campaigns.
PLAN = re.compile(r"# ([a-z]+\.toml)\n")
SMALL_PLAN = 'landscape = ["double-well"]\nradii = [1.0]\n'


def code(page: Path) -> list[Token]:
    return [token for token in MarkdownIt().parse(page.read_text()) if token.type in ("fence", "code_block")]


def blocks(page: Path, language: str) -> list[str]:
    return [token.content for token in code(page) if token.info == language]


def python_blocks() -> list[object]:
    return [pytest.param(block, id=f"{page.stem}-{i}") for page in PAGES for i, block in enumerate(blocks(page, "python"))]


def commands(page: Path) -> list[str]:
    lines = "".join(blocks(page, "sh")).splitlines()
    return [line for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_block_of_a_page_is_left_out(page):
    # The figures of `eval-rst` have their code in files, which test_docs_figures.py runs.
    directives = {"{toctree}", "{eval-rst}"}
    unknown = [token.content for token in code(page) if token.info not in {"python", "sh", "toml", *directives}]
    assert not unknown
    for block in blocks(page, "{eval-rst}"):
        assert re.fullmatch(r"\.\. plot:: figures/\w+\.py\n   :alt: .+\n\n(   .+\n)+", block), block


@pytest.mark.parametrize("block", python_blocks())
def test_python_blocks_run(block):
    if "dask_jobqueue" in block:
        pytest.importorskip("dask_jobqueue", reason="this block is for clusters that have a batch system, and needs dask-jobqueue")
    exec(compile(block, "documentation", "exec"), {})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_of_a_page_run_in_order(page, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    files = [block for block in blocks(page, "python") if block.startswith(FILE)]
    (tmp_path / "file.py").write_text(files[0] if files else SMALL_FILE)
    (tmp_path / "plan.toml").write_text(SMALL_PLAN)
    for block in blocks(page, "toml"):
        named = PLAN.match(block)
        assert named is not None, block
        (tmp_path / named[1]).write_text(block)
        if 'model = "my-model"' in block:
            gpt_neo_tiny().save_pretrained(tmp_path / "my-model")
    with contextlib.ExitStack() as services:
        run_commands(page, tmp_path, capfd, services)


def run_commands(page: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], services: contextlib.ExitStack) -> None:
    from villani_verify.cli import main

    ran = 0
    for command in commands(page):
        words = shlex.split(command)
        if "pip" in words:
            continue  # the two installing commands are what continuous integration runs
        variables = {}
        while "=" in words[0]:
            name, variables[name] = words.pop(0).split("=", 1)
        for value in variables.values():
            (tmp_path / value).mkdir(parents=True)
        if words[0] == "pytest":
            words[1] = str(ROOT / "properties" / "test_quadratic_growth.py")
            tests = [sys.executable, "-m", "pytest", *words[1:], "-n", "0", "-q"]
            subprocess.run(tests, check=True, cwd=tmp_path, timeout=300, env=os.environ | variables)
        elif words[0] == "dask":
            services.enter_context(running_service(words, tmp_path))
        else:
            assert words[0] == "villani-verify"
            assert not variables
            assert main(stand_in(words[1:])) == 0, capfd.readouterr().err
        ran += 1
    assert ran or not blocks(page, "sh")


@contextlib.contextmanager
def running_service(words: list[str], directory: Path) -> Iterator[None]:
    """A scheduler or workers of Dask, that run until the page ends."""
    pytest.importorskip("distributed", reason="workers of a cluster need Dask")
    file = directory / words[words.index("--scheduler-file") + 1]
    ports = ["--port", "0", "--no-dashboard"] if words[1] == "scheduler" else ["--no-dashboard"]
    process = subprocess.Popen([sys.executable, "-m", *words, *ports], cwd=directory, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while not file.exists():
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


def stand_in(words: list[str]) -> list[str]:
    """The hub is not asked in tests: a local directory with the small model stands in for its name, and its text."""
    if "EleutherAI/gpt-neo-125m" not in words:
        return words
    weights = ROOT / "villani_verify" / "landscapes" / "weights" / "gpt-neo-small"
    words = [str(weights) if w == "EleutherAI/gpt-neo-125m" else w for w in words]
    return [*words, "--dataset", "embedded", "--tokenizer", "bytes", "--sequence-length", "32"]


def test_the_commands_page_names_all_commands_and_no_option_that_is_not_there():
    page = (ROOT / "docs" / "command-line.md").read_text()
    known = get_command(app).commands
    assert set(re.findall(r"villani-verify ([a-z]+(?:-[a-z]+)*)", page)) == set(known)
    groups = [command.commands.values() for command in known.values() if hasattr(command, "commands")]
    everything = [*known.values(), *(command for group in groups for command in group)]
    options = {option for command in everything for p in command.params for option in p.opts}
    assert set(re.findall(r"--[a-z][a-z-]*", page)) <= options | {"--help"}


def test_pages_name_only_files_that_exist():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
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
        if path.suffix in {".py", ".md", ".rst", ".css", ".toml", ".ini", ".txt", ".json", ".html", ""} and path.is_file():
            assert home not in path.read_text(errors="ignore"), name
