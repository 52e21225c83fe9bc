"""The documentation site: `tox -e docs`, or `sphinx-build -W --keep-going -n docs build/site`."""

import sys
from importlib.resources import files
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

from villani_verify import __version__

project = "villani-verify"
release = __version__
extensions = [
    "myst_parser",
    "mathml",  # docs/extensions
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "matplotlib.sphinxext.plot_directive",
    "sphinxcontrib.typer",
]

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
html_math_renderer = "mathml"

html_theme = "furo"
html_title = "villani-verify"
html_static_path = ["_static", str(files("ziamath") / "fonts" / "STIXTwoMath-Regular.ttf")]
html_css_files = ["site.css"]
html_show_copyright = False
html_copy_source = False

# Docstrings are written with single backticks around code.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
maximum_signature_line_length = 80
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
# Types of other projects, to whose references nothing links: their indices would have to be fetched.
nitpick_ignore_regex = [
    ("py:class", r"(torch|collections\.abc|hypothesis|numpy|np|npt|pathlib|random)\..*"),
    ("py:class", r"Tensor|nn\.Module|Path"),
    ("py:class", r"villani_verify\..*\.(T|AnyModule|Array)"),  # type variables and aliases
]

plot_include_source = True
plot_html_show_source_link = False
plot_html_show_formats = False
plot_formats = ["svg"]
