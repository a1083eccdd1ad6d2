"""The LR range test at one look: every seed's curve, both readings, rise, edge, max_lr, base_lr, and the verdict."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from clr.analysis.bounds import Reading, smoothed_mean

Floats = NDArray[np.float64]
SEED_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
INTERVAL_COLOUR = "#009e73"
MARKS = {
    "rise": ("#555555", ":"),
    "base_lr": ("#0b6e4f", "--"),
    "max_lr": ("#0b6e4f", "-"),
    "edge": ("#b00020", "-"),
}
"""Colour and dash of each rate."""


def range_test(
    rates: Floats,
    accuracies: Floats,
    reading: Reading,
    *,
    seeds: Sequence[int] | None = None,
    metric: str = "accuracy",
    title: str = "LR range test",
) -> Figure:
    """The picture of one range test.

    Args:
        rates, accuracies: what was read: [P] and [seeds, P], NaN where missing.
        reading: `clr.analysis.bounds.read` of them.
        seeds: their names in the legend; 0, 1, ... where absent.
        metric: name of the accuracy axis.
        title: its first words; the verdict follows.
    """
    figure = Figure(figsize=(10, 6), layout="constrained")
    ax = figure.subplots()
    draw(ax, rates, accuracies, reading, seeds=seeds, metric=metric)
    figure.suptitle(_headline(title, reading), fontsize=13, fontweight="bold")
    ax.set_title(_explanation(reading), fontsize=9, loc="left")
    ax.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    return figure


def draw(
    ax: Axes,
    rates: Floats,
    accuracies: Floats,
    reading: Reading,
    *,
    seeds: Sequence[int] | None = None,
    metric: str = "accuracy",
) -> None:
    """Curves, readings and landmarks on given axes, without title and legend."""
    names = seeds if seeds is not None else range(len(accuracies))
    ax.set_xscale("log")
    ax.set(
        xlabel=f"learning rate ({reading.ramp} ramp of {reading.iterations:,} iterations)",
        ylabel=f"validation {metric}",
    )
    ax.set_xlim(float(rates[0]), float(rates[-1]))
    _curves(ax, rates, accuracies, reading, names)
    _interval(ax, reading)
    _landmarks(ax, reading)
    _readings(ax, reading)
    ax.margins(y=0.12)
    ax.grid(alpha=0.2)
    ax.spines[["top", "right"]].set_visible(False)


def _curves(ax: Axes, rates: Floats, accuracies: Floats, reading: Reading, names: Sequence[int]) -> None:
    """Each seed as measured, its fitted curve dashed, and the smoothed mean of reading 1."""
    u = np.linspace(np.log(rates[0]), np.log(rates[-1]), 400)
    for k, (name, row, seed) in enumerate(zip(names, accuracies, reading.per_seed, strict=True)):
        colour = SEED_COLOURS[k % len(SEED_COLOURS)]
        ax.plot(rates, row, color=colour, lw=0.8, alpha=0.55, label=f"seed {name}")
        ax.plot(np.exp(u), seed.curve(u), color=colour, lw=1.2, ls=(0, (4, 3)))
    ax.plot([], [], color="#777777", lw=1.2, ls=(0, (4, 3)), label="rise x fall fit, per seed")
    filled = np.where(np.isnan(accuracies), reading.start, accuracies)
    measured = ~np.isnan(accuracies).all(axis=0)
    smoothed = np.where(measured, smoothed_mean(filled), np.nan)
    ax.plot(rates, smoothed, color="black", lw=1.8, label="smoothed mean of the seeds")


def _interval(ax: Axes, reading: Reading) -> None:
    if reading.interval is not None:
        low, high = reading.interval
        label = f"peak rates worth searching\n{low:.2g} to {high:.2g}"
        ax.axvspan(low, high, color=INTERVAL_COLOUR, alpha=0.08, lw=0, label=label)


def _landmarks(ax: Axes, reading: Reading) -> None:
    """A named line for each rate that the test suggests or measured; an unclear one is pale and has a question mark."""
    above = ax.get_xaxis_transform()
    for name, (colour, dash) in MARKS.items():
        rate = getattr(reading, name)
        if rate is None:
            continue
        sure = (reading.rise_verdict if name == "rise" else reading.edge_verdict) == "clear"
        strength = 1.0 if sure else 0.5
        ax.axvline(rate, lw=1.4, alpha=strength, color=colour, linestyle=dash)
        ax.annotate(
            f"{name} {rate:.2g}{'' if sure else ' ?'}", (rate, 0.02), xytext=(-3, 0), xycoords=above,
            textcoords="offset points", rotation=90, ha="right", va="bottom", fontsize=9, color=colour,
            alpha=max(strength, 0.8),
            bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.8},
        )  # fmt: skip


def _readings(ax: Axes, reading: Reading) -> None:
    """Along the top: where the smoothed mean (triangles) and each seed's fit (diamonds) put rise and edge."""
    across = ax.get_xaxis_transform()
    smoothed = [rate for rate in (reading.smoothed.rise, reading.smoothed.edge) if rate is not None]
    ax.plot(
        smoothed, [0.975] * len(smoothed), "v", color="black", ms=7, transform=across, label="read on the smoothed mean"
    )
    for k, seed in enumerate(reading.per_seed):
        found = [rate for rate in (seed.rise, seed.edge) if rate is not None]
        ax.plot(
            found, [0.935] * len(found), "D", color=SEED_COLOURS[k % len(SEED_COLOURS)], ms=4.5, alpha=0.9,
            transform=across, label="read on each fit" if k == 0 else None,
        )  # fmt: skip


def _headline(title: str, reading: Reading) -> str:
    if reading.rise_verdict == reading.edge_verdict:
        return f"{title}: {reading.verdict}"
    return f"{title}: edge {reading.edge_verdict}, rise {reading.rise_verdict}"


def _explanation(reading: Reading) -> str:
    """The suggestion, and every reason against it."""
    lines = []
    if reading.max_lr is not None and reading.base_lr is not None:
        lines.append(
            f"max_lr = edge / 2 = {reading.max_lr:.3g}, base_lr = max_lr / 4 = {reading.base_lr:.3g}; "
            f"{len(reading.per_seed)} seeds, climb {reading.climb:.2f}, noise {reading.noise:.3f}"
        )
    lines += [f"{_subject(reason.bound)} unclear ({reason.reason}): {reason.detail}" for reason in reading.reasons]
    return "\n".join(line for text in lines for line in textwrap.wrap(text, 125))


def _subject(bound: str) -> str:
    return "rise and edge" if bound == "both" else bound
