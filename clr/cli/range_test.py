"""clr range-test."""

from __future__ import annotations

import json as as_json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from clr import plan as plans
from clr import rounds
from clr.analysis import range_test_text
from clr.analysis.bounds import Reading
from clr.analysis.peak_interval import ramp_rates
from clr.cli import terminal
from clr.cli.options import Json, named_values
from clr.errors import InvalidRangeTest, InvalidSpec, MissingExtra
from clr.plan import Plan, PlannedSlot
from clr.protocol import TaskFacts
from clr.resources import RangeTestResource
from clr.results import Diverged, Evaluated, Evaluation, Outcome, Trial
from clr.spec import parse

if TYPE_CHECKING:
    from clr.lr_range_test.result import BoundsRule


def range_test(
    task: Annotated[str, typer.Option("--task", help="A registered task, e.g. digits.")],
    model: Annotated[str | None, typer.Option("--model", help="One of the task's models; else its default.")] = None,
    optimizer: Annotated[str, typer.Option("--optimizer", help="sgd, adam or adamw.")] = "sgd",
    option: Annotated[
        list[str] | None, typer.Option("--option", metavar="NAME=VALUE", help="An option of the task; repeatable.")
    ] = None,
    batch_size: Annotated[int, typer.Option("--batch-size")] = 64,
    iterations: Annotated[
        int | None, typer.Option("--iterations", help="Length of a ramp; else 1,000, or 4 epochs if that is more.")
    ] = None,
    low: Annotated[float | None, typer.Option("--low", help="First rate; else 1e-5 (adam, adamw: 1e-6).")] = None,
    high: Annotated[float | None, typer.Option("--high", help="Last rate; else 10 (adam, adamw: 1).")] = None,
    seeds: Annotated[int, typer.Option("--seeds", help="Runs of the ramp, at least 3.")] = 3,
    seed: Annotated[int, typer.Option("--seed", help="Where the runs' seeds come from.")] = 0,
    device: Annotated[str, typer.Option("--device", help="cpu, cuda, cuda:1.")] = "cpu",
    rule: Annotated[
        str | None,
        typer.Option("--rule", help='Bounds by this rule too: base_lr = max_lr / 3 is "3"; rise and edge are "paper".'),
    ] = None,
    picture: Annotated[
        Path | None, typer.Option("--picture", metavar="FILE", help="Write the curves here (.svg, .png, .pdf).")
    ] = None,
    json: Json = False,
) -> None:
    """Find base_lr and max_lr for a task: train along a ramp of rates, read the curves.

    The ramp is exponential. A linear one is in Python alone: clr.range_test(..., ramp="linear", high=...).
    """
    wanted = None if rule is None else _rule(rule)
    asked: dict[str, Any] = {
        "task": {"name": task, "options": named_values(option or [])},
        "optimizer": optimizer,
        "batch_size": batch_size,
        "arms": ["triangular"],
        "range_test": {"iterations": iterations, "seeds": seeds, "low": low, "high": high},
        "seed": seed,
    }
    plan = _plan(asked | ({"model": model} if model else {}))
    trials = _trained(plan, device)
    found = rounds.range_test(plan, trials)
    if picture is not None:
        _draw(found, task, plan, picture)
    if json:
        sys.stdout.write(as_json.dumps(_document(found, wanted), indent=2) + "\n")
    else:
        terminal.data("\n".join(_lines(found, wanted)))
    if picture is not None:
        terminal.talk(f"The curves are in {picture}.")


def _rule(text: str) -> BoundsRule:
    """The rule of an option: a number or "paper"; said before anything is trained."""
    from clr.lr_range_test.result import check_rule  # loads torch

    try:
        rule: Any = float(text)
    except ValueError:
        rule = text
    try:
        check_rule(rule)
    except InvalidRangeTest as error:
        raise typer.BadParameter(f'must be a divisor above 1 or "paper", got {text}', param_hint="--rule") from error
    return rule  # type: ignore[no-any-return]


def _ruled(reading: Reading, rule: BoundsRule) -> tuple[float, float] | None:
    """(base_lr, max_lr) by the rule; None where the reading, whose reasons are printed, lacks what it needs."""
    from clr.lr_range_test.result import bounds_by  # loads torch

    try:
        return bounds_by(reading, rule)
    except InvalidRangeTest:
        return None


def _plan(asked: Mapping[str, Any]) -> Plan:
    """The plan of a study of this task, whose first phase is the range test."""
    spec = parse(asked)
    facts = _facts(spec.task.name, spec.task.options)
    if wrong := plans.check(spec, facts, [facts.name]):
        raise InvalidSpec(wrong)
    return plans.make(spec, facts)


def _facts(name: str, options: Mapping[str, Any]) -> TaskFacts:
    from clr.tasks import registry

    return registry.make(name, options).facts()


def _trained(plan: Plan, device: str) -> tuple[Trial, ...]:
    """Every ramp, reruns included, one seed after the other."""
    trials: list[Trial] = []
    while slots := [slot for slot in rounds.due(plan, trials) if slot.phase == "range-test"]:
        for slot in slots:
            low, high = slot.params["low"], slot.params["high"]
            terminal.talk(f"Ramp {slot.round + 1} from {low:.3g} to {high:.3g}, seed {slot.position + 1} ...")
            trials.append(_trial(slot, device))
    return tuple(trials)


def _trial(slot: PlannedSlot, device: str) -> Trial:
    """Trains one slot here and now."""
    try:
        from clr.training.loop import train
    except ModuleNotFoundError as error:
        raise MissingExtra(error.name or "torch", "train") from None

    curve: list[Evaluation] = []
    outcome: Outcome = "done"
    reason = ""
    for event in train(slot.config, device=device):
        if isinstance(event, Evaluated):
            curve.append(event.evaluation)
        elif isinstance(event, Diverged):
            outcome, reason = "diverged", event.reason
    return slot.trial(
        outcome=outcome,
        reason=reason,
        curve=tuple(curve),
    )


def _lines(found: RangeTestResource, rule: BoundsRule | None) -> Iterator[str]:
    if found.reading is None or found.low is None or found.high is None:
        yield "LR range test: unclear: no seed gave a curve"
        yield from (f"  note: {note}" for note in found.notes)
        return
    reading = Reading.from_dict(found.reading)
    yield from range_test_text.lines(reading, low=found.low, high=found.high)
    if rule is not None:
        bounds = _ruled(reading, rule)
        said = "no bounds" if bounds is None else f"base_lr {bounds[0]:.3g}, max_lr {bounds[1]:.3g}"
        yield f"  by the rule {_named(rule)}: {said}"
    if found.interval_source == "default" and found.interval is not None:
        low, high = found.interval["low"], found.interval["high"]
        yield f"  a study would search peak rates in the optimizer's default interval, {low:.3g} to {high:.3g}"


def _named(rule: BoundsRule) -> str:
    return rule if isinstance(rule, str) else f"{rule:g}"


def _document(found: RangeTestResource, rule: BoundsRule | None) -> dict[str, Any]:
    """The resource as the service serves it, without a study; where a rule was given, what it says beside it."""
    document: dict[str, Any] = as_json.loads(found.model_dump_json(exclude={"study", "status"}))
    if rule is None:
        return document
    bounds = None if found.reading is None else _ruled(Reading.from_dict(found.reading), rule)
    base_lr, max_lr = bounds or (None, None)
    return document | {"by_rule": {"rule": rule, "base_lr": base_lr, "max_lr": max_lr}}


def _draw(found: RangeTestResource, task: str, plan: Plan, file: Path) -> None:
    """Writes the picture; a metric to minimise is drawn upside down, as it is read."""
    try:
        from clr.plots import range_test as drawing
    except ModuleNotFoundError as error:
        raise MissingExtra(error.name or "matplotlib", "plots") from None

    curves = [curve for curve in found.curves if curve.iterations]
    if found.reading is None or found.low is None or found.high is None or plan.range_test is None:
        return
    every, length = plan.range_test.evaluate_every, plan.range_test.iterations
    scores = np.full((len(curves), length // every), np.nan)
    for row, curve in zip(scores, curves, strict=True):
        row[np.array(curve.iterations) // every - 1] = curve.accuracy
    sign, metric = (1, plan.facts.metric) if plan.facts.direction == "maximize" else (-1, f"-{plan.facts.metric}")
    figure = drawing.range_test(
        np.array(ramp_rates(found.low, found.high, length, range(every, length + 1, every))),
        sign * scores,
        Reading.from_dict(found.reading),
        seeds=[curve.seed for curve in curves],
        metric=metric,
        title=f"LR range test of {task}, {plan.base.model}, {plan.base.optimizer}",
    )
    figure.savefig(file)
