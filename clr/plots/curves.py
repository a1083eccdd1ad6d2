"""Learning rates over a run, drawn by the function that training uses."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from clr.schedules import Schedule

MOST_POINTS = 20_000  # more than any screen shows; a run of ten million draws in the same time
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#b2a000")
DASHES = ("-", "--", "-.", ":")


def schedule(schedule: Schedule, iterations: int, ax: Axes | None = None) -> Figure:
    """One schedule over a run, with its parameters as the title.

    Args:
        schedule: what to draw.
        iterations: length of the run [iterations], int >= 1.
        ax: axes to draw on; a figure of its own if None.

    Returns:
        The figure: `schedule(...).savefig("lr.png")`.

    Raises:
        ValueError: iterations is below 1.
    """
    ax = ax if ax is not None else _axes()
    _draw(ax, {schedule.family: schedule}, iterations)
    ax.set_title("\n".join(textwrap.wrap(repr(schedule), 80)), fontsize=9)
    return _figure_of(ax)


def schedules(schedules: Mapping[str, Schedule], iterations: int, ax: Axes | None = None) -> Figure:
    """Several schedules over the same run, named in a legend.

    Args:
        schedules: legend -> what to draw, in order.
        iterations: length of the run [iterations], int >= 1.
        ax: axes to draw on; a figure of its own if None.

    Returns:
        The figure.

    Raises:
        ValueError: iterations is below 1.
    """
    ax = ax if ax is not None else _axes()
    _draw(ax, schedules, iterations)
    if schedules:
        ax.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.01, 0.5))
    return _figure_of(ax)


def _axes() -> Axes:
    return Figure(figsize=(8, 4), layout="constrained").subplots()


def _figure_of(ax: Axes) -> Figure:
    figure = ax.get_figure(root=True)
    if figure is None:
        raise ValueError("ax was removed from its figure.")
    return figure


def _draw(ax: Axes, schedules: Mapping[str, Schedule], iterations: int) -> None:
    if iterations < 1:
        raise ValueError(f"iterations must be at least 1 to draw a run, got {iterations!r}.")
    for k, (name, drawn) in enumerate(schedules.items()):
        look: dict[str, Any] = {
            "color": COLOURS[k % len(COLOURS)],
            "linestyle": DASHES[k // len(COLOURS) % len(DASHES)],
        }
        shown, rates = drawn.sampled(iterations, MOST_POINTS)
        ax.plot(shown, rates, lw=1.5, label=name, marker="." if len(shown) == 1 else "", **look)
    ax.set(xlabel="iteration (optimizer update)", ylabel="learning rate")
    ax.margins(x=0.01)
    ax.grid(alpha=0.2)
    ax.spines[["top", "right"]].set_visible(False)
