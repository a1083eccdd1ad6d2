"""One picture of a study: range test, schedules of the finalists, validation curves, confirmed metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from clr import schedules
from clr.plots import schedules as schedule_plots
from clr.resources import Answer, ArmAnswer, RangeTestResource, TrialResource

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#b2a000")
STYLES = ("-", "--", "-.", ":")


def study(answer: Answer, range_test: RangeTestResource, confirmed: Sequence[TrialResource]) -> Figure:
    """Four panels that show at one look what the answer says.

    Args:
        answer: of GET /v1/studies/{id}/best. range_test: of .../range-test.
        confirmed: the confirm trials, each with its curve.
    """
    figure = Figure(figsize=(13, 9), layout="constrained")
    axes = figure.subplots(2, 2)
    _range_test(axes[0, 0], range_test)
    _schedules(axes[0, 1], answer)
    _curves(axes[1, 0], answer, confirmed)
    _confirmed(axes[1, 1], answer)
    figure.suptitle(answer.sentence, fontsize=11, wrap=True)
    return figure


def _look(answer: Answer) -> Mapping[str, dict[str, Any]]:
    """Colour and dash of each arm, the same in every panel; by name, so that a rank changes no colour."""
    names = sorted(arm.arm for arm in answer.arms)
    return {
        name: {"color": COLOURS[k % len(COLOURS)], "linestyle": STYLES[k // len(COLOURS) % len(STYLES)]}
        for k, name in enumerate(names)
    }


def _range_test(ax: Axes, test: RangeTestResource) -> None:
    ax.set(
        title="LR range test: validation metric while the rate rises",
        xlabel="learning rate",
        ylabel="validation metric",
    )
    if not test.curves:
        ax.text(0.5, 0.5, "bounds were given: no range test", ha="center", transform=ax.transAxes)
        return
    ax.set_xscale("log")
    for curve in test.curves:
        ax.plot(curve.rates, curve.accuracy, lw=1, alpha=0.8, label=f"seed {curve.seed}")
    if test.interval:
        ax.axvspan(
            test.interval["low"],
            test.interval["high"],
            color="#009e73",
            alpha=0.12,
            label=f"searched peak rates {test.interval['low']:.2g} to {test.interval['high']:.2g}",
        )
    reading = test.reading or {}
    for name, dash in (("rise", ":"), ("max_lr", "--"), ("edge", "-")):
        if reading.get(name):
            ax.axvline(reading[name], color="black", ls=dash, lw=1, label=f"{name} {reading[name]:.3g}")
    ax.legend(fontsize=7, loc="best")


def _schedules(ax: Axes, answer: Answer) -> None:
    found = {arm.arm: schedules.from_dict(arm.schedule) for arm in answer.arms if arm.schedule}
    schedule_plots.schedules(found, answer.iterations or 1, ax=ax)
    look = _look(answer)
    for line in ax.get_lines():
        if (name := str(line.get_label())) in look:
            line.set(**look[name])
    ax.set(title="Learning rate of each arm's finalist", yscale="log")
    ax.legend(fontsize=7, ncols=2, loc="lower left")


def _curves(ax: Axes, answer: Answer, confirmed: Sequence[TrialResource]) -> None:
    ax.set(
        title="Validation metric in the confirm runs (mean over seeds)",
        xlabel="iteration",
        ylabel=f"validation {answer.metric}",
    )
    for arm, look in _look(answer).items():
        curves = [t.curve for t in confirmed if t.arm == arm and t.curve and t.state == "done"]
        if not curves:
            continue
        at = [e.iteration for e in curves[0]]
        values = np.array(
            [[e.metrics[answer.metric] for e in curve] for curve in curves if [e.iteration for e in curve] == at]
        )
        ax.plot(at, values.mean(axis=0), label=arm, lw=1.5, **look)
        ax.fill_between(at, values.min(axis=0), values.max(axis=0), color=look["color"], alpha=0.05, lw=0)
    finals = [e.metrics[answer.metric] for t in confirmed if t.curve for e in t.curve[len(t.curve) // 4 :]]
    if finals:  # the start of a run would press everything that matters into the upper edge
        low, high = np.quantile(finals, [0.02, 1.0])
        ax.set_ylim(low - 0.1 * (high - low), high + 0.05 * (high - low))
    ax.legend(fontsize=7, loc="lower right")


def _confirmed(ax: Axes, answer: Answer) -> None:
    ax.set(title="Confirmed on test data: every seed, mean, 95 % interval", xlabel=f"test {answer.metric}")
    arms = [arm for arm in answer.arms if arm.mean is not None]
    for row, arm in enumerate(arms):
        _confirmed_arm(ax, row, arm, _look(answer)[arm.arm]["color"])
    ax.set_yticks(range(len(arms)), [arm.arm for arm in arms])
    ax.invert_yaxis()
    ax.grid(axis="x", alpha=0.3)


def _confirmed_arm(ax: Axes, row: int, arm: ArmAnswer, colour: str) -> None:
    ax.scatter(list(arm.values.values()), [row] * len(arm.values), s=14, color=colour, alpha=0.5)
    ax.scatter([arm.mean or 0.0], [row], marker="D", s=36, color=colour)
    if arm.interval:
        ax.plot([arm.interval.low, arm.interval.high], [row, row], color=colour, lw=2)
