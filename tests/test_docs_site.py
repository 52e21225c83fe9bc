"""The site as a whole, built as `tox -e docs` does: no warning, nothing from the network, and all that was promised on it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from villani_verify.cli.app import app

pytestmark = pytest.mark.slow
DOCS = Path(__file__).resolve().parents[1] / "docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("sphinx", reason="the site needs `pip install .[docs]`")
    out = tmp_path_factory.mktemp("site")
    assert build(DOCS, out) == ""
    return out


def build(source: Path, out: Path) -> str:
    """Build a site and return the warnings, which also made the exit status 1."""
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-n", "-b", "html", str(source), str(out)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == bool(ran.stderr), ran.stderr
    return ran.stderr


def test_pages_load_nothing_from_the_network(site: Path) -> None:
    for page in site.rglob("*.html"):
        tags = re.findall(r"<(?:script|link|img|iframe)\b[^>]*>", page.read_text())
        assert tags
        assert not [tag for tag in tags if re.search(r"""(?:src|href)=["']?(?:https?:)?//""", tag)], page
    for style in site.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", style.read_text()), style


def test_every_page_is_reached_from_the_first(site: Path) -> None:
    names = re.findall(r'<a class="reference internal" href="([^"#]+)"', (site / "index.html").read_text())
    for page in (*DOCS.glob("*.md"), *DOCS.glob("reference/*.rst")):
        name = page.relative_to(DOCS).with_suffix(".html").as_posix()
        assert name in names or name == "index.html", name


def test_formulae_are_mathml_with_the_font_that_they_need(site: Path) -> None:
    page = (site / "mathematics.html").read_text()
    assert page.count('<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">') >= 8
    assert "$" not in re.sub(r"<(script|pre)\b.*?</\1>", "", page, flags=re.DOTALL)
    assert "<mo>‖</mo>" not in page
    assert (site / "_static" / "STIXTwoMath-Regular.ttf").stat().st_size > 100_000
    assert "STIXTwoMath-Regular.ttf" in (site / "_static" / "site.css").read_text()


def test_the_commands_are_all_there_with_all_their_options(site: Path) -> None:
    page = (site / "reference" / "commands.html").read_text()
    _, *parts = re.split(r'<section id="villani-verify-([\w-]+)">', page)  # sections of a group lie in each other
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    commands = dict(get_command(app).commands)
    for group, command in list(commands.items()):
        commands |= {f"{group}-{name}": part for name, part in getattr(command, "commands", {}).items()}
    assert sections.keys() == commands.keys()
    for name, command in commands.items():
        for option in (option for p in command.params if p.param_type_name == "option" for option in p.opts):
            assert f"{option} " in sections[name], (name, option)


def test_the_reference_has_the_public_names(site: Path) -> None:
    page = (site / "reference" / "top.html").read_text()
    for name in ("Landscape", "Landscape.from_function", "verify", "psi", "replay"):
        assert f'id="villani_verify.{name}"' in page, name


def test_docstrings_are_not_misread_as_restructuredtext(site: Path) -> None:
    for page in (site / "reference").glob("*.html"):
        assert not re.search(r'<ol class="(upper|lower)', page.read_text()), f"{page}: a letter and a full stop number a list"
        assert "<cite>" not in page.read_text(), f"{page}: single backticks are not code"


def test_figures_are_shown_with_their_code(site: Path) -> None:
    for figure in (DOCS / "figures").glob("*.py"):
        assert (site / "_images" / f"{figure.stem}.svg").exists()
        shown = [page for page in site.glob("*.html") if f"_images/{figure.stem}.svg" in page.read_text()]
        assert len(shown) == 1
        assert "matplotlib.pyplot" in shown[0].read_text()


@pytest.mark.parametrize(
    ("text", "warning"),
    [("$\\nosuchmacro$", "nosuchmacro"), ("[a link](nowhere.md)", "nowhere.md"), ("[a part](index.md#nowhere)", "nowhere")],
)
def test_what_is_wrong_on_a_page_stops_the_build(text: str, warning: str, tmp_path: Path) -> None:
    pytest.importorskip("sphinx", reason="the site needs `pip install .[docs]`")
    source = tmp_path / "source"
    source.mkdir()
    configuration = (DOCS / "conf.py").read_text().replace("Path(__file__).parent", f"Path({str(DOCS)!r})")
    (source / "conf.py").write_text(configuration)
    (source / "_static").symlink_to(DOCS / "_static")
    (source / "index.md").write_text(f"# Title\n\n{text}\n")
    assert warning in build(source, tmp_path / "out")
