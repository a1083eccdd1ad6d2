"""One picture of a study: range test, schedules of the finalists, validation curves, confirmed metrics."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from clr.plots import panels
from clr.resources import Answer, RangeTestResource, TrialResource


def study(answer: Answer, range_test: RangeTestResource, confirmed: Sequence[TrialResource]) -> Figure:
    """Four panels that show at one look what the answer says.

    Args:
        answer: of GET /v1/studies/{id}/best. range_test: of .../range-test.
        confirmed: the confirm trials, each with its curve.
    """
    figure = Figure(figsize=(13, 9), layout="constrained")
    axes = figure.subplots(2, 2)
    panels.range_test(axes[0, 0], range_test)
    panels.finalists(axes[0, 1], answer, range_test.interval)
    panels.curves(axes[1, 0], answer, confirmed)
    panels.confirmed_values(axes[1, 1], answer)
    titles = (
        "LR range test: validation metric while the rate rises",
        "Learning rate of each arm's finalist",
        "Validation metric in the confirm runs (mean and range over seeds)",
        "Confirmed on test data: every seed, mean, 95 % interval",
    )
    for ax, title in zip(axes.flat, titles, strict=True):
        ax.set_title(title)
    figure.suptitle(answer.sentence, fontsize=11, wrap=True)
    return figure
