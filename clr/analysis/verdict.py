"""The sentence of an answer: what to do first, then why, scope, number of seeds and interval.

A sentence never says "best" of search trials, never "no difference" of a wide interval, never "faster" of one run, and
never prefers the fixed rate for lack of data.
"""

from __future__ import annotations

from collections.abc import Sequence

from clr.analysis import decision
from clr.analysis.decision import Decision
from clr.analysis.words import amount, confirmed_metric, figure, level, points, span
from clr.plan import Plan
from clr.resources import AnswerStatus, ArmAnswer, Bounds, Reported
from clr.results import Trial


def sentence(
    plan: Plan,
    trials: Sequence[Trial],
    ranked: Sequence[ArmAnswer],
    status: AnswerStatus,
    made: Decision,
    reported: Reported | None,
) -> str:
    """One to three sentences; `ranked` is in order of rank, `reported` the figures of the recommended arm."""
    if all(arm.status == "failed" for arm in ranked):
        return "No verdict: in every arm the runs diverged or failed; each trial says why."
    if status != "confirmed":
        return _screened(plan, ranked, status, cancelled=any(trial.outcome == "cancelled" for trial in trials))
    if made.why:
        return f"No verdict: {made.why}. {_scope(plan, made)}".rstrip()
    return f"{_claim(plan, {arm.arm: arm for arm in ranked}, made)}{_fresh(plan, reported)} {_scope(plan, made)}"


def _screened(plan: Plan, ranked: Sequence[ArmAnswer], status: AnswerStatus, *, cancelled: bool) -> str:
    """Before the confirm phase is over; a study that has ended will not get further."""
    over = status == "screen-only"
    why = "the study was cancelled" if cancelled else "the study ended without a confirmed arm"
    if ranked[0].search_value is None:
        if over:
            return f"No verdict: screened only, {why} before any search trial finished."
        return "No verdict: no search trial has finished so far."
    lead = f": {why}. {ranked[0].arm} led" if over else f". So far {ranked[0].arm} leads"
    return (
        f"No verdict: screened only, not confirmed{lead} on validation {plan.facts.metric} in the search "
        f"({figure(plan, ranked[0].search_value)}), a value picked from several and so flattering."
    )


def _fresh(plan: Plan, reported: Reported | None) -> str:
    """The figure to quote where the choice was checked on final seeds."""
    if reported is None or not reported.fresh:
        return ""
    missing = reported.of - len(reported.values)
    lost = f", {missing} of {reported.of} runs lost" if missing else ""
    interval = reported.interval
    around = ""
    if interval is not None:
        around = f" ({level(interval.level)} interval {figure(plan, interval.low)} to {figure(plan, interval.high)})"
    n = len(reported.values)
    return (
        f" On {n} fresh seed{'s' if n != 1 else ''}, which the choice never saw, {reported.arm} has a mean "
        f"{confirmed_metric(plan)} of {figure(plan, reported.mean)}{around}{lost}."
    )


def _claim(plan: Plan, arms: dict[str, ArmAnswer], made: Decision) -> str:
    first = made.arm or ""
    among = " of the arms without a diverged run" if any(arm.confirm_diverged for arm in arms.values()) else ""
    mean = f"the best mean {confirmed_metric(plan)}{among}, {figure(plan, arms[first].mean)}"
    if made.action == "use it":
        return f"Use {first}: it has {mean}, {_gap(plan, arms[first])}{_others(plan, arms, first)}."
    if made.action == "keep your baseline":
        return f"Keep your baseline, {first}: it has {mean}{_closest(plan, arms)}{_others(plan, arms, first)}."
    if made.action == "equivalent: take the simplest":
        return _equivalent(plan, arms, made)
    lost = f"at most {amount(plan, made.loss or 0.0)} lost if that is wrong (at {level(made.level)})"
    gap = f", {_gap(plan, arms[first])}" if arms[first].difference else ""
    return (
        f"Undecided: take the highest confirmed mean, {first}, {lost}: it has {mean}{gap}; {_in_the_set(made, first)}"
        f"{_others(plan, arms, first)}."
    )


def _equivalent(plan: Plan, arms: dict[str, ArmAnswer], made: Decision) -> str:
    members, first = _listed(made.among), made.arm or ""
    stable = " (arms with a diverged run aside)" if any(arm.confirm_diverged for arm in arms.values()) else ""
    if any(set(made.among) <= set(group) for group in made.identical):
        return (
            f"Equivalent: take the simplest, {first}: {members} are identical, the same value on every seed "
            f"(mean {confirmed_metric(plan)} {figure(plan, arms[first].mean)}){_others(plan, arms, first)}."
        )
    return (
        f"Equivalent: take the simplest, {first}: {members} lie within {amount(plan, decision.margin(plan))} of the "
        f"best{stable} (at {level(made.level)}); its mean {confirmed_metric(plan)} is {figure(plan, arms[first].mean)}"
        f"{_others(plan, arms, first)}."
    )


def _gap(plan: Plan, arm: ArmAnswer) -> str:
    difference = arm.difference
    if difference is None or difference.interval is None:
        return f"not compared with {plan.baseline}"
    if difference.identical:
        return f"the same value as {plan.baseline} on every seed"
    interval = f"simultaneous {level(difference.interval.level)} interval {span(plan, difference.interval)}"
    return f"{points(plan, difference.mean)} against {plan.baseline} ({interval})"


def _closest(plan: Plan, arms: dict[str, ArmAnswer]) -> str:
    """The arm that comes closest to the baseline, with its interval."""
    sign = 1.0 if plan.facts.direction == "maximize" else -1.0
    compared = [arm for arm in arms.values() if arm.difference is not None and arm.difference.interval is not None]
    if not compared:
        return ""
    arm = max(compared, key=lambda one: sign * one.difference.mean if one.difference else 0.0)
    return f"; the closest, {arm.arm}, is at {_gap(plan, arm)}"


def _listed(names: Sequence[str], most: int = 4) -> str:
    """Names, the first few of many: the answer has them all.

    >>> _listed(["a", "b", "c", "d", "e", "f"])
    'a, b, c, d and 2 more'
    """
    left = len(names) - most
    return ", ".join(names) if left <= 1 else f"{', '.join(names[:most])} and {left} more"


def _in_the_set(made: Decision, first: str) -> str:
    rest = [name for name in made.members if name != first]
    if not rest:
        return "its lead is not shown against every arm"
    return f"{_listed(rest)} may be the best as well"


def _others(plan: Plan, arms: dict[str, ArmAnswer], first: str) -> str:
    """Who else is shown to be better or worse than the baseline, or was only better where it finished."""
    told = [arm for name, arm in arms.items() if name != first and arm.difference is not None]
    worse = [arm.arm for arm in told if arm.difference and _side(plan, arm.difference.interval) < 0]
    better = [arm for arm in told if arm.difference and _side(plan, arm.difference.interval) > 0]
    stable = [arm.arm for arm in better if not arm.confirm_diverged]
    parts = [f"better than {plan.baseline}, too: {_listed(stable)}"] if stable else []
    parts += [f"shown to be worse than {plan.baseline}: {_listed(worse)}"] if worse else []
    lost = [arm for arm in better if arm.confirm_diverged]
    if len(lost) == 1:
        runs = f"{lost[0].confirm_diverged} of {len(lost[0].trials)} runs"
        parts.append(f"{lost[0].arm} is better where it finished, but diverged in {runs}")
    elif lost:
        parts.append(f"{_listed([arm.arm for arm in lost])} are better where they finished, but diverged in some runs")
    return "".join(f"; {part}" for part in parts)


def _side(plan: Plan, interval: Bounds | None) -> int:
    """1 where an interval lies on the better side of zero, -1 on the worse one, 0 where it holds zero."""
    if interval is None or interval.low <= 0 <= interval.high:
        return 0
    return 1 if (interval.low > 0) == (plan.facts.direction == "maximize") else -1


def _scope(plan: Plan, made: Decision) -> str:
    if not made.seeds:
        return ""
    n = len(made.seeds)
    unit = "replicate" if plan.replicates > 1 else "seed"
    seeds = f"{n} {'paired ' if len(made.names) > 1 else ''}{unit}{'s' if n != 1 else ''}"
    if plan.replicates > 1:
        seeds += f" of search and confirm, {plan.seeds_each} seeds each"
    spread = (
        f"; {made.noisy} is noisier than the rest, so each interval has its own spread (paired t, Bonferroni)"
        if made.noisy
        else ""
    )
    looks = plan.planned_looks
    if len(looks) > 1:
        seeds += f" (looks planned at {', '.join(map(str, looks))})"
    chosen = (
        f" of {len(plan.arms)} arms the {len(made.names)} finalists of the search;" if plan.confirm != "all" else ""
    )
    own = plan.facts.updates_per_epoch is not None
    trained = f"the script of {plan.facts.name}" if own else f"{plan.base.model} on {plan.facts.name}"
    return (
        f"({seeds},{chosen} {plan.iterations:,} iterations of {trained}; "
        f"{'each family as tuned by this budget' if plan.replicates > 1 else 'these configurations only'}{spread}.)"
    )
