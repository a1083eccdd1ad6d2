"""What more certainty costs, and the command that buys it."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from clr.analysis import comparison, confirmed, decision
from clr.analysis.decision import Decision
from clr.analysis.intervals import LEVEL
from clr.analysis.words import amount
from clr.plan import Plan
from clr.resources import ArmAnswer, Price
from clr.results import Trial
from clr.spec import MAX_SEEDS, Interval

POWER = 0.8


def of(
    study: str, plan: Plan, made: Decision, arms: Sequence[ArmAnswer], trials: Sequence[Trial], interval: Interval
) -> Price | None:
    """Seeds, device time and command that show a difference of the margin between the arms still in question.

    These are the best set and the baseline; where that is one arm, the one behind it too. Without a margin the
    difference is half of the narrowest interval that this study has. More seeds of this study are bought by an
    extension, at the level that its look will have, for every confirmed arm; where that would take more runs than
    the arms in question on seeds of their own, by a new study of these.

    Args:
        study: its id. arms: in order of rank. interval: of the peak rates, so that a new study needs no range test.

    Returns:
        None where nothing was compared, runs show no spread, or all arms in question are identical.
    """
    spread = _spread(made)
    if made.found is None or spread is None:
        return None
    names = _in_question(plan, made, arms)
    difference = decision.margin(plan) or _half_width(made)
    if len(names) < 2 or not difference or any(set(names) <= set(group) for group in made.identical):
        return None
    afresh = _at_most(comparison.seeds_needed(spread, difference, len(names), LEVEL, POWER))
    more = _more(plan, made, trials, spread, difference)
    if more is not None and (afresh is None or more * len(made.names) <= afresh * len(names)):
        return _by_extension(study, plan, made, difference, names, trials, more)
    spec = (
        _spec(plan, [arm for arm in arms if arm.arm in names], afresh, interval)
        if afresh is not None and plan.replicates == 1
        else None
    )
    seconds = None if afresh is None else _seconds(plan, names, trials, afresh)
    return Price(
        difference=difference,
        arms=names,
        seeds=afresh,
        seconds=seconds,
        spec=spec,
        command=f"echo {shlex.quote(json.dumps(spec))} | clr submit -" if spec else None,
        sentence=_sentence(plan, difference, names, afresh, seconds),
    )


def _at_most(seeds: int | None) -> int | None:
    return None if seeds is None or seeds > MAX_SEEDS else max(2, seeds)


def _more(plan: Plan, made: Decision, trials: Sequence[Trial], spread: float, difference: float) -> int | None:
    """Seeds that an extension would have to add, to all confirmed arms; None where it can't, or need not."""
    if plan.replicates > 1:
        return None
    level = decision.level_of_look(plan, confirmed.unplanned_looks(plan, trials) + 1)
    needed = _at_most(comparison.seeds_needed(spread, difference, len(made.names), level, POWER))
    if needed is None or needed <= len(made.seeds):
        return None
    more = needed - len(made.seeds)
    return more if len(plan.all_confirm_seeds) + more <= MAX_SEEDS else None


def _by_extension(
    study: str,
    plan: Plan,
    made: Decision,
    difference: float,
    names: tuple[str, ...],
    trials: Sequence[Trial],
    more: int,
) -> Price:
    seeds, seconds = len(made.seeds) + more, _seconds(plan, made.names, trials, more)
    return Price(
        difference=difference,
        arms=names,
        seeds=seeds,
        seconds=seconds,
        spec=None,
        command=f"clr extend {study} --confirm-seeds {more}",
        sentence=_sentence(plan, difference, names, seeds, seconds, f", {more} more than there are"),
        more=more,
    )


def _spread(made: Decision) -> float | None:
    sds = [d.sd for d in (made.found.differences if made.found else ()) if d.sd is not None]
    return max(sds) if sds and max(sds) > 0 else None


def _half_width(made: Decision) -> float:
    reaches = [d.interval.high - d.interval.low for d in (made.found.differences if made.found else ()) if d.interval]
    return min(reaches) / 4 if reaches else 0.0


def _in_question(plan: Plan, made: Decision, arms: Sequence[ArmAnswer]) -> tuple[str, ...]:
    wanted = {plan.baseline, *made.members, *made.among}
    ranked = [arm.arm for arm in arms if arm.arm in made.names]
    if len(wanted) == 1:
        wanted |= set([name for name in ranked if name not in wanted][:1])
    return tuple(name for name in ranked if name in wanted)


def _seconds(plan: Plan, names: Sequence[str], trials: Sequence[Trial], seeds: int) -> float | None:
    """Device seconds: what a confirm run of each arm took, times the seeds."""
    runs = [[t.seconds for t in confirmed.runs(plan, trials, name) if t.outcome == "done"] for name in names]
    if plan.replicates > 1 or not all(runs) or not any(map(sum, runs)):
        return None
    return seeds * math.fsum(fmean(found) for found in runs)


def _spec(plan: Plan, arms: Sequence[ArmAnswer], seeds: int, interval: Interval) -> dict[str, Any]:
    """The arms again as they were confirmed, on seeds of their own, with nothing left to search."""
    base = plan.base
    return {
        "task": {"name": base.task, "options": base.task_options},
        "model": {"name": base.model, "options": base.model_options},
        "optimizer": {"name": base.optimizer, "options": base.optimizer_options},
        "training": base.training.model_dump(mode="json"),
        "batch_size": base.batch_size,
        "budget": {"iterations": base.iterations},
        "evaluate_every": base.evaluate_every,
        "arms": [{"family": arm.family, "name": arm.arm, "fixed": _fixed(arm)} for arm in arms],
        "bounds": interval.model_dump(),
        "trials": 1,
        "confirm_seeds": seeds,
        "baseline": plan.baseline,
        "margin": plan.margin,
        "seed": plan.search_seed,
    }


def _fixed(arm: ArmAnswer) -> dict[str, Any]:
    return {name: value for name, value in (arm.schedule or {}).items() if name != "family"}


def _sentence(
    plan: Plan, difference: float, names: Sequence[str], seeds: int | None, seconds: float | None, more: str = ""
) -> str:
    shown = f"To see a difference of {amount(plan, difference)} between {', '.join(names)}"
    if plan.replicates > 1:
        return f"{shown} with {100 * POWER:g} % power takes {seeds or 'more than 1,000'} replicates."
    if seeds is None:
        return f"{shown} would take more than {MAX_SEEDS:,} seeds of each: ask for a wider margin."
    hours = "" if seconds is None else f", about {_duration(seconds)} of device time"
    return f"{shown} with {100 * POWER:g} % power takes {seeds} seeds of each{more}{hours}."


def _duration(seconds: float) -> str:
    """
    >>> _duration(42), _duration(1800), _duration(90_000)
    ('42 seconds', '0.50 hours', '25 hours')
    """
    hours = seconds / 3600
    return f"{seconds:.0f} seconds" if seconds < 90 else f"{hours:.2f} hours" if hours < 10 else f"{hours:.0f} hours"
