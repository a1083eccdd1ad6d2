"""Figures as SVG that a page can take in: text as text, the page's own ink, no identifier twice."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from clr.plots.panels import INK


def inline(name: str, draw: Callable[[Axes], None], *, width: float = 7.2, height: float = 4.0) -> str:
    """One panel as an SVG element.

    Axes and text have the colour of the page's text (currentColor), so that the figure reads in light, dark and print.

    Args:
        name: of the figure; keeps its identifiers apart from the other figures' on the page, and the same every time.
        draw: draws on the axes. width, height: in inches.
    """
    style: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": name, "font.size": 9, "legend.framealpha": 0.0}
    style |= dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK)
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(width, height), layout="constrained")
        figure.patch.set_alpha(0)
        ax = figure.subplots()
        ax.patch.set_alpha(0)
        draw(ax)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return _for_a_page(text.getvalue(), name)


def _for_a_page(document: str, name: str) -> str:
    """The svg element alone, scaled by the page, its identifiers made its own."""
    element = document[document.index("<svg") :].replace(INK, "currentColor")
    element = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", element, count=1)
    element = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", element, count=1)
    return re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{name}-", element)
