"""The pictures of a study, each drawn on given axes: what the one-look figure and the report are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator

from clr import schedules
from clr.plots.curves import COLOURS, DASHES
from clr.resources import Answer, RangeTestResource, TrialResource

SEARCHED = "#009e73"
INK = "#010203"
"""What a page may turn into its own text colour: no other element has this colour."""
DRAWN_POINTS = 1000


def look(answer: Answer) -> Mapping[str, dict[str, Any]]:
    """Colour and dash of each arm, the same in every panel; by name, so that a rank changes no colour."""
    names = sorted(arm.arm for arm in answer.arms)
    return {
        name: {"color": COLOURS[k % len(COLOURS)], "linestyle": DASHES[k // len(COLOURS) % len(DASHES)]}
        for k, name in enumerate(names)
    }


def unit(answer: Answer) -> tuple[float, str]:
    """Factor and word of a metric on an axis: an accuracy in percent, any other as it is."""
    return (100.0, f"{answer.metric} [%]") if answer.metric == "accuracy" else (1.0, answer.metric)


def range_test(ax: Axes, test: RangeTestResource) -> None:
    """Validation metric over the rising rate, with what was read from it."""
    ax.set(xlabel="learning rate", ylabel="validation metric")
    if not test.curves:
        ax.text(0.5, 0.5, "bounds were given: no range test", ha="center", transform=ax.transAxes, color=INK)
        return
    ax.set_xscale("log")
    for k, curve in enumerate(test.curves):
        ax.plot(
            curve.rates, curve.accuracy, lw=1, alpha=0.8, label=f"seed {curve.seed}", color=COLOURS[k % len(COLOURS)]
        )
    if test.interval:
        low, high = test.interval["low"], test.interval["high"]
        ax.axvspan(low, high, color=SEARCHED, alpha=0.12, label=f"searched peak rates {low:.2g} to {high:.2g}")
    for name, dash in (("rise", ":"), ("max_lr", "--"), ("edge", "-")):
        if value := (test.reading or {}).get(name):
            ax.axvline(value, color=INK, ls=dash, lw=1, label=f"{name} {value:.3g}")
    ax.legend(fontsize=7, loc="best")


def finalists(ax: Axes, answer: Answer, interval: Mapping[str, float] | None = None) -> None:
    """Learning rate of each arm's finalist over the run, the searched interval of peak rates behind."""
    iterations = answer.iterations or 1
    if interval:
        ax.axhspan(interval["low"], interval["high"], color=SEARCHED, alpha=0.12, label="searched peak rates")
    for arm in answer.arms:
        if arm.schedule:
            at, rates = schedules.from_dict(arm.schedule).sampled(iterations, DRAWN_POINTS)
            ax.plot(at, rates, lw=1.4, label=arm.arm, **look(answer)[arm.arm])
    ax.set(xlabel="iteration (optimizer update)", ylabel="learning rate", yscale="log")
    ax.legend(fontsize=7, ncols=2, loc="lower left")


def curves(ax: Axes, answer: Answer, confirmed: Sequence[TrialResource]) -> None:
    """Validation metric in the compared confirm runs: mean over seeds, lowest to highest as a band."""
    factor, words = unit(answer)
    ends: list[float] = []
    compared = {number for arm in answer.arms for number in arm.trials}
    for name, style in look(answer).items():
        runs = [t.curve for t in confirmed if t.arm == name and t.number in compared and t.curve and t.state == "done"]
        if not runs:
            continue
        at = [e.iteration for e in runs[0]]
        values = factor * np.array(
            [[e.metrics[answer.metric] for e in run] for run in runs if [e.iteration for e in run] == at]
        )
        ax.plot(at, values.mean(axis=0), label=name, lw=1.5, **style)
        ax.fill_between(at, values.min(axis=0), values.max(axis=0), color=style["color"], alpha=0.05, lw=0)
        ends += values[:, len(at) // 4 :].ravel().tolist()
    if ends:  # the start of a run would press everything that matters into one edge
        low, high = np.quantile(ends, [0.02, 0.98])
        ax.set_ylim(low - 0.2 * (high - low) - 1e-9, high + 0.2 * (high - low) + 1e-9)
    ax.set(xlabel="iteration (optimizer update)", ylabel=f"validation {words}")
    ax.legend(fontsize=7, ncols=2, loc="lower right" if answer.direction == "maximize" else "upper right")


def confirmed_values(ax: Axes, answer: Answer) -> None:
    """Test metric of every confirm run, mean and 95 % interval, an arm a row."""
    factor, words = unit(answer)
    arms = [arm for arm in answer.arms if arm.mean is not None]
    for row, arm in enumerate(arms):
        colour = look(answer)[arm.arm]["color"]
        ax.scatter(
            [factor * value for value in arm.values.values()], [row] * len(arm.values), s=14, color=colour, alpha=0.5
        )
        ax.scatter([factor * (arm.mean or 0.0)], [row], marker="D", s=36, color=colour)
        if arm.interval:
            ax.plot([factor * arm.interval.low, factor * arm.interval.high], [row, row], color=colour, lw=2)
    _rows(ax, [arm.arm for arm in arms])
    ax.set(xlabel=f"test {words}")


def differences(ax: Axes, answer: Answer) -> None:
    """Difference to the baseline with its simultaneous interval; within the grey zone it does not matter."""
    factor, words = unit(answer)
    arms = [arm for arm in answer.arms if arm.difference]
    if answer.margin:
        ax.axvspan(-factor * answer.margin, factor * answer.margin, color="#808080", alpha=0.2, label="margin")
        ax.legend(fontsize=7)
    ax.axvline(0, color=INK, lw=1)
    for row, arm in enumerate(arms):
        assert arm.difference is not None
        colour = look(answer)[arm.arm]["color"]
        ax.scatter([factor * arm.difference.mean], [row], marker="D", s=36, color=colour)
        if interval := arm.difference.interval:
            ax.plot([factor * interval.low, factor * interval.high], [row, row], color=colour, lw=2)
    _rows(ax, [arm.arm for arm in arms])
    ax.set(xlabel=f"test {words}, difference to {answer.baseline}")


def peak_rates(
    ax: Axes, answer: Answer, searched: Sequence[TrialResource], interval: Mapping[str, float] | None
) -> None:
    """Validation metric of every search trial over its peak rate; the interval's edges dotted, finalists ringed."""
    factor, words = unit(answer)
    chosen = {arm.search_trial for arm in answer.arms}
    for name, style in look(answer).items():
        done = [
            t for t in searched if t.arm == name and t.state == "done" and t.value is not None and "peak_lr" in t.params
        ]
        ax.scatter(
            [t.params["peak_lr"] for t in done], [factor * (t.value or 0.0) for t in done], s=16, color=style["color"],
            alpha=0.7, label=name, linewidths=[1.2 if t.number in chosen else 0 for t in done], edgecolors=INK,
        )  # fmt: skip
    for edge in interval.values() if interval else ():
        ax.axvline(edge, color=INK, ls=":", lw=1)
    ax.set(xlabel="peak learning rate", ylabel=f"validation {words} (search)", xscale="log")
    ax.xaxis.set_minor_locator(LogLocator(subs=(2, 5)))
    ax.xaxis.set_minor_formatter("{x:g}")
    ax.xaxis.set_major_formatter("{x:g}")
    ax.legend(fontsize=7, ncols=2)


def worth_of_tuning(ax: Axes, answer: Answer) -> None:
    """Expected best validation metric of 1, 2, 4 ... random search trials, an arm a line: how much tuning it needs."""
    factor, words = unit(answer)
    for arm in answer.arms:
        if arm.tuning:
            trials, values = [p.trials for p in arm.tuning], [factor * p.value for p in arm.tuning]
            ax.plot(trials, values, marker="o", ms=4, lw=1.4, label=arm.arm, **look(answer)[arm.arm])
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_formatter("{x:.0f}")
    ax.set(xlabel="random search trials", ylabel=f"expected best validation {words}")
    ax.legend(fontsize=7, ncols=2)


def lengths(ax: Axes, answer: Answer) -> None:
    """Mean test metric at each length of the run, an arm a line with its 95 % intervals; crossings dotted."""
    factor, words = unit(answer)
    for name, style in look(answer).items():
        found = [(ranking.iterations, arm) for ranking in answer.lengths for arm in ranking.arms if arm.arm == name]
        if not found:
            continue
        means = [factor * arm.mean for _, arm in found]
        ax.plot([iterations for iterations, _ in found], means, marker="o", ms=4, lw=1.4, label=name, **style)
        for iterations, arm in found:
            if arm.interval:
                ends = [factor * arm.interval.low, factor * arm.interval.high]
                ax.plot([iterations, iterations], ends, color=style["color"], lw=1, alpha=0.5)
    for crossing in answer.crossings:
        ax.axvline(crossing.iterations, color=INK, ls=":", lw=1)
    at = [ranking.iterations for ranking in answer.lengths]
    ax.set_xscale("log")  # crossings are interpolated on this scale
    ax.set_xticks(at, [str(iterations) for iterations in at])
    ax.minorticks_off()
    ax.set(xlabel="length of the run [iterations]", ylabel=f"test {words}")
    ax.legend(fontsize=7, ncols=2)


def _rows(ax: Axes, names: Sequence[str]) -> None:
    ax.set_yticks(range(len(names)), list(names))
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.grid(axis="x", alpha=0.3)
