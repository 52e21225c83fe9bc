"""Formulae as MathML, which browsers draw themselves: no script, nothing from the network, and readable by screen readers.

The converter is the one of docutils, on which Sphinx stands; Sphinx alone offers MathJax from a server, or pictures made by LaTeX.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging

_LOGGER = logging.getLogger(__name__)
# ‖ grows in MathML until it is as high as what stands beside it; in TeX it does not.
_NORM_BAR = re.compile(r"<mo( class=\"math(?:open|close)\")?>‖</mo>")


def mathml(node: nodes.Element, *, as_block: bool) -> str:
    """Return a formula as MathML; one that cannot be converted is a warning, and stays as it was typed."""
    try:
        converted = tex2mathml(node.astext(), as_block=as_block)
    except MathError as e:
        _LOGGER.warning("formula %r: %s", node.astext(), e, location=node)
        return f"<code>{nodes.unescape(node.astext())}</code>"
    return _NORM_BAR.sub(r'<mo stretchy="false"\1>‖</mo>', converted)


def _inline(translator: Any, node: nodes.Element) -> None:
    translator.body.append(mathml(node, as_block=False))
    raise nodes.SkipNode


def _block(translator: Any, node: nodes.Element) -> None:
    translator.body.append(translator.starttag(node, "div", CLASS="formula"))
    translator.body.append(mathml(node, as_block=True) + "</div>")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Offer the renderer to Sphinx under the name `mathml`."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
