"""A blank figure, and its way into the page: SVG whose text stays text and whose colours follow the reader's theme."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

# Each role has one light colour, distinct from all others: in the SVG it becomes var(--figure-ROLE, light colour), which
# the page redefines for a dark theme. Categorical hues are told apart by colour-blind readers, and letters name them too.
PALETTE = {
    "paper": "#fefefe",
    "ink": "#23282f",
    "grid": "#e2e5e9",
    "ray": "#848c96",
    "reference": "#5b636d",
    "refuted": "#b4231f",
    "hue1": "#0b69ad",
    "hue2": "#a85a00",
    "hue3": "#0a7560",
    "hue4": "#86399e",
    "hue5": "#6d6a00",
    "hue6": "#ad2f72",
}
HUES = ("hue1", "hue2", "hue3", "hue4", "hue5", "hue6")

_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "villani-verify",
    "svg.image_inline": True,
    "text.parse_math": False,  # a tensor name may contain dollar signs
    "font.family": ["DejaVu Sans"],
    "font.size": 10,
    "axes.labelsize": 10,
    "axes.edgecolor": PALETTE["reference"],
    "axes.labelcolor": PALETTE["ink"],
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "figure.facecolor": PALETTE["paper"],
    "grid.color": PALETTE["grid"],
    "grid.linewidth": 0.8,
    "text.color": PALETTE["ink"],
    "xtick.color": PALETTE["ink"],
    "ytick.color": PALETTE["ink"],
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.6,
    "lines.markersize": 4,
}
_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
# What XML 1.0 cannot hold, not even escaped.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Key:
    """One line of a figure's key.

    Attributes:
        role: its colour, a name of `PALETTE`.
        letter: what the figure writes next to the curve; empty for none.
        text: what it is.
    """

    role: str
    letter: str
    text: str


@dataclass(frozen=True)
class Drawn:
    """A finished figure.

    Attributes:
        name: of its file.
        title: what it shows.
        svg: an SVG element, without XML declaration.
        see: what there is to see.
        failed: what it would look like if the claim failed, or that it does fail here.
        key: what the curves are, where they are lettered.
    """

    name: str
    title: str
    svg: str
    see: str
    failed: str
    key: tuple[Key, ...] = ()

    @property
    def file(self) -> bytes:
        """The drawing as a file of its own."""
        # Half a surrogate pair, in a name, is no text.
        return ('<?xml version="1.0" encoding="utf-8"?>\n' + self.svg).encode("utf-8", "replace")


@contextmanager
def canvas(*, height: float = 3.3) -> Iterator[tuple[Figure, Axes]]:
    """Yield an empty figure and its axes; draw and finish it inside, where the report's style is in force.

    Args:
        height: in inches; the width is such that 10-point text stays legible on a telephone.
    """
    with style.context(["default", _STYLE]):
        figure = Figure(figsize=(4.8, height), layout="constrained")
        yield figure, figure.add_subplot()


def finish(figure: Figure, name: str, title: str, description: str) -> str:
    """Return a figure as an SVG element that can stand alone or in a page next to others.

    Identifiers get the figure's name, as they must be unique in a page; dates and the metadata block go, so that
    the same results give the same bytes; colours become custom properties.

    Args:
        figure: drawn with `canvas`.
        name: of the figure's file.
        title: read out by screen readers.
        description: likewise.
    """
    FigureCanvasSVG(figure)
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata={"Date": None})
    ET.register_namespace("", _SVG)
    ET.register_namespace("xlink", _XLINK)
    root = ET.fromstring(_NOT_XML.sub("\ufffd", stream.getvalue()))
    for block in root.findall(f"{{{_SVG}}}metadata"):
        root.remove(block)
    for element in root.iter():
        for attribute, value in element.attrib.items():
            if attribute == "id":
                value = f"{name}-{value}"
            elif attribute == f"{{{_XLINK}}}href":
                value = f"#{name}-{value.removeprefix('#')}"
            element.set(attribute, _themed(value.replace("url(#", f"url(#{name}-")))
        if element.tag == f"{{{_SVG}}}style":
            element.text = _scoped(element.text or "", name)
    for tag, text in (("desc", description), ("title", title)):
        child = ET.Element(f"{{{_SVG}}}{tag}", {"id": f"{name}-{tag}"})
        child.text = _NOT_XML.sub("\ufffd", text)
        root.insert(0, child)
    root.set("id", name)
    root.set("role", "img")
    root.set("aria-labelledby", f"{name}-title {name}-desc")
    return ET.tostring(root, encoding="unicode")


def _scoped(rules: str, name: str) -> str:
    """Keep a figure's style rules from reaching the page around it."""
    return re.sub(r"\*\s*\{", f"#{name} *{{", rules)


def _themed(value: str) -> str:
    for role, colour in PALETTE.items():
        value = value.replace(colour, f"var(--figure-{role}, {colour})")
    return value
