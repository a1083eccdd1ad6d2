"""A study's report: one self-contained HTML file, drawn from what is stored."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.axes import Axes

from clr import recipe
from clr.analysis import words
from clr.plots import panels, svg
from clr.resources import Answer, Bounds, RangeTestResource, Share, StudyResource, TargetRatio, TrialResource

pages = Environment(loader=PackageLoader("service", "page"), autoescape=True, undefined=StrictUndefined)


@dataclass(frozen=True)
class Figure:
    """A picture, and what it shows in words."""

    name: str
    title: str
    words: str
    draw: Callable[[Axes], None]

    @property
    def svg(self) -> str:
        """The picture itself; it is ours, so the page takes it as it is."""
        return svg.inline(self.name, self.draw)


def render(study: StudyResource, answer: Answer, range_test: RangeTestResource, trials: Sequence[TrialResource]) -> str:
    """The report as HTML.

    Args:
        study, answer, range_test: what the routes of that name give.
        trials: every slot; confirm trials with their curves.
    """
    compared = {number for arm in answer.arms for number in arm.trials}
    return pages.get_template("report.html").render(
        study=study,
        answer=answer,
        figures=list(figures(answer, range_test, trials)),
        range_test=range_test,
        devices=_devices(trials),
        kinds=_kinds(answer, trials),
        versions=_versions(trials),
        seeds=sorted({trial.seed for trial in trials if trial.number in compared}),
        spec=json.dumps(study.spec, indent=2),
        percent=answer.metric == "accuracy",
        metric=partial(_metric, answer),
        span=partial(_span, answer),
        counted=_counted,
        ratio=_ratio,
        trained=recipe.trained,
        tuned=recipe.tuned,
    )


def figures(answer: Answer, range_test: RangeTestResource, trials: Sequence[TrialResource]) -> Iterator[Figure]:
    """Every picture that the study has data for, in the order of the report."""
    searched = [trial for trial in trials if trial.phase == "search"]
    confirmed = [trial for trial in trials if trial.phase == "confirm"]
    interval = range_test.interval
    if any(arm.schedule for arm in answer.arms):
        yield Figure(
            "schedules",
            "Schedules of the finalists",
            "The shaded band is the interval in which every arm's peak rate was searched.",
            lambda ax: panels.finalists(ax, answer, interval),
        )
    if range_test.curves:
        yield Figure(
            "range-test",
            "LR range test",
            "Validation metric while the rate rises, a line a seed. Peak rates are searched from edge / 32 to edge.",
            lambda ax: panels.range_test(ax, range_test),
        )
    if any(trial.curve for trial in confirmed):
        yield Figure(
            "curves",
            "Validation curves of the confirm runs",
            "Mean over seeds; the band goes from the lowest to the highest seed.",
            lambda ax: panels.curves(ax, answer, confirmed),
        )
    yield from _compared(answer)
    if any("peak_lr" in trial.params for trial in searched):
        yield Figure(
            "peak-rates",
            "Validation metric against peak rate",
            "Every search trial, finalists ringed. An optimum at a dotted edge says that the interval was too narrow.",
            lambda ax: panels.peak_rates(ax, answer, searched, interval),
        )
    if len(answer.lengths) > 1:
        yield Figure(
            "lengths",
            "Ranking by length",
            "Mean test metric at each length of the run, schedules stretched to it; dotted where two arms swap places.",
            lambda ax: panels.lengths(ax, answer),
        )
    if any(arm.tuning for arm in answer.arms):
        yield Figure(
            "tuning",
            "Worth of tuning",
            "The best validation metric that so many random trials are expected to find: flat needs little tuning.",
            lambda ax: panels.worth_of_tuning(ax, answer),
        )


def _compared(answer: Answer) -> Iterator[Figure]:
    if any(arm.mean is not None for arm in answer.arms):
        yield Figure(
            "confirmed",
            "Confirmed on test data",
            "A dot a seed; the diamond is the mean, the line its 95 % Student t interval.",
            lambda ax: panels.confirmed_values(ax, answer),
        )
    if any(arm.difference for arm in answer.arms):
        yield Figure(
            "differences",
            f"Differences to {answer.baseline}",
            f"All intervals hold at once in {words.level(answer.level)} of studies. Within the grey zone a difference "
            "does not matter.",
            lambda ax: panels.differences(ax, answer),
        )


def _metric(answer: Answer, value: float | None, signed: bool = False) -> str:
    """An accuracy in percent, any other metric as it is; a dash where there is none."""
    if value is None:
        return "–"
    sign = "+" if signed else ""
    return f"{100 * value:{sign}.2f}" if answer.metric == "accuracy" else f"{value:{sign}.4g}"


def _span(answer: Answer, bounds: Bounds | None, signed: bool = False) -> str:
    if bounds is None:
        return "–"
    return f"{_metric(answer, bounds.low, signed)} to {_metric(answer, bounds.high, signed)}"


def _counted(share: Share | None) -> str:
    """k of n with its exact interval: none in five still allows one in two.

    >>> _counted(Share(count=0, of=5, interval=Bounds(low=0.0, high=0.5218, level=0.95)))
    '0 of 5 (0 to 52 %)'
    """
    if share is None:
        return "–"
    return f"{share.count} of {share.of} ({100 * share.interval.low:.0f} to {100 * share.interval.high:.0f} %)"


def _ratio(found: TargetRatio | None) -> str:
    """A ratio of iterations with what it is a ratio of: where some runs ran into the budget it is another estimand."""
    if found is None:
        return "–"
    if found.ratio is None:
        return found.kind
    around = f" ({found.interval.low:.2f} to {found.interval.high:.2f})" if found.interval else ""
    return f"{found.ratio:.2f}{around}{'' if found.kind == 'ratio' else ', ' + found.kind}"


def _devices(trials: Sequence[TrialResource]) -> list[str]:
    return sorted({f"{a.host}: {a.device} ({a.device_kind})" for trial in trials for a in trial.attempts})


def _kinds(answer: Answer, trials: Sequence[TrialResource]) -> list[str]:
    """How many compared runs of each arm ended on which kind of device."""
    kind = {trial.number: trial.attempts[-1].device_kind for trial in trials if trial.attempts}
    counts = {arm.arm: Counter(kind[number] for number in arm.trials if number in kind) for arm in answer.arms}
    return [
        f"{arm}: {', '.join(f'{n} on {name}' for name, n in sorted(of.items()))}" for arm, of in counts.items() if of
    ]


def _versions(trials: Sequence[TrialResource]) -> list[str]:
    """Every set of versions under which a trial ran; more than one would be worth a question."""
    found = [trial.provenance.get("versions") for trial in trials]
    return sorted({", ".join(f"{name} {version}" for name, version in sorted(v.items())) for v in found if v})
