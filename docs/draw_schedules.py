"""Draws docs/schedules.svg: every schedule family over a run of 300 iterations.

Run it from the repository's root: python docs/draw_schedules.py
"""

from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from clr import plots
from clr.schedules import (
    Cosine,
    CosineRestarts,
    Custom,
    Decay,
    Exponential,
    ExpRange,
    Fixed,
    Inverse,
    Linear,
    MultiStep,
    OneCycle,
    Piecewise,
    Polynomial,
    Schedule,
    Step,
    Triangular,
    Triangular2,
    Warmup,
    WarmupStableDecay,
)

ITERATIONS = 300

DRAWN: tuple[Schedule, ...] = (
    Fixed(lr=0.6),
    Step(lr=1.0, gamma=0.5, step_size=75),
    MultiStep(lr=1.0, gamma=0.3, milestones=(150, 240)),
    Exponential(lr=1.0, gamma=0.99),
    Inverse(lr=1.0, gamma=0.03, power=0.75),
    Linear(lr=1.0, end_lr=0.0, iterations=300),
    Polynomial(lr=1.0, end_lr=0.0, power=2.0, iterations=300),
    Decay(base_lr=0.15, max_lr=1.0, step_size=120),
    Cosine(lr=1.0, end_lr=0.0, iterations=300),
    CosineRestarts(lr=1.0, end_lr=0.0, period=43, period_multiplier=2),
    Triangular(base_lr=0.15, max_lr=1.0, step_size=37.5),
    Triangular2(base_lr=0.15, max_lr=1.0, step_size=37.5),
    ExpRange(base_lr=0.15, max_lr=1.0, step_size=37.5, gamma=0.994),
    Custom(base_lr=0.15, max_lr=1.0, step_size=37.5, scale_fn="inverse"),
    OneCycle(max_lr=1.0, iterations=300),
    WarmupStableDecay(lr=1.0, end_lr=0.0, warmup=30, decay=80, iterations=300, shape="1-sqrt"),
    Warmup(schedule=Cosine(lr=1.0, end_lr=0.0, iterations=260), iterations=40),
    Piecewise(schedules=(Fixed(lr=0.7), Triangular(base_lr=0.1, max_lr=0.5, step_size=50)), milestones=(100,)),
)


def picture() -> Figure:
    """One panel per family, all on the same axes."""
    figure = Figure(figsize=(14, 7), layout="constrained")
    panels = figure.subplots(3, 6, sharex=True, sharey=True).ravel()
    for ax, schedule in zip(panels, DRAWN, strict=True):
        plots.schedule(schedule, ITERATIONS, ax=ax)
        ax.set(title=schedule.family, xlabel="", ylabel="")
        ax.title.set_fontsize(10)
    figure.supxlabel("iteration (optimizer update)", fontsize=10)
    figure.supylabel("learning rate / largest", fontsize=10)
    return figure


if __name__ == "__main__":
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "schedules"}):
        picture().savefig(Path(__file__).with_name("schedules.svg"), metadata={"Date": None})
