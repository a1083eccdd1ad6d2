"""Arms of one study against any of them, with intervals that hold at once."""

from __future__ import annotations

from collections.abc import Sequence

from clr.analysis import comparison, confirmed, decision, stages
from clr.analysis.intervals import Interval
from clr.errors import FieldError, InvalidSpec
from clr.findings import ArmComparison, PairedDifference
from clr.plan import Plan
from clr.resources import Answer, Bounds
from clr.results import Trial


def compared(
    plan: Plan, trials: Sequence[Trial], found: Answer, arms: Sequence[str] = (), baseline: str | None = None
) -> ArmComparison:
    """Paired differences of arms to a baseline.

    The intervals are those of all confirmed arms against that baseline, so that leaving some out buys no certainty.

    Args:
        trials: the study's. found: its answer. arms: which to show; all if none. baseline: the study's own if None.

    Raises:
        InvalidSpec: the study has no such arm.
    """
    against = baseline or found.baseline
    _check(plan, [*(("arm", arm) for arm in arms), ("baseline", against)])
    answered, ended = stages.answered(plan, trials)
    values = confirmed.table(answered, ended) if found.status == "confirmed" else {}
    nothing = ArmComparison(
        study=found.study,
        status=found.status,
        metric=found.metric,
        direction=found.direction,
        baseline=against,
        level=found.level,
        margin=found.margin if found.margin is not None else decision.margin(plan),
    )
    seeds = confirmed.shared(values)
    if reason := _nothing_to_compare(found, values, seeds, against):
        return nothing.model_copy(update={"reason": reason})
    rows = list(values)
    made = comparison.compare(
        [[values[name][seed] for seed in seeds] for name in rows],
        baseline=rows.index(against),
        direction=found.direction,
        level=found.level,
        resolution=decision.resolution(plan),
    )
    shown = [name for name in rows if name in (arms or rows)]
    differences = tuple(
        _difference(made, k, name, nothing.margin, {s: values[name][s] - values[against][s] for s in seeds})
        for k, name in enumerate(name for name in rows if name != against)
        if name in shown
    )
    noisy = rows[made.noisy] if made.noisy is not None else None
    kept = {name: dict(values[name]) for name in rows if name in {*shown, against}}
    return nothing.model_copy(
        update={"seeds": tuple(seeds), "values": kept, "differences": differences, "noisy": noisy}
    )


def _check(plan: Plan, asked: Sequence[tuple[str, str]]) -> None:
    names = [arm.name for arm in plan.arms]
    if wrong := [(field, name) for field, name in asked if name not in names]:
        known = f"the study's arms are {', '.join(names)}"
        raise InvalidSpec([FieldError(f"/query/{field}", f"{known}, got {name!r}") for field, name in wrong])


def _nothing_to_compare(found: Answer, values: confirmed.Values, seeds: Sequence[str], baseline: str) -> str:
    if found.status != "confirmed":
        return "values are compared once every confirm run has ended: a look before would be one more chance of luck"
    if baseline not in values:
        return f"{baseline} was not confirmed"
    if len(values) < 2:
        return f"no other arm than {baseline} was confirmed"
    return "" if seeds else "no seed is left that every confirmed arm has finished"


def _difference(
    made: comparison.Comparison, k: int, arm: str, margin: float, by_seed: dict[str, float]
) -> PairedDifference:
    used = made.differences[k]
    return PairedDifference(
        arm=arm,
        mean=used.mean,
        interval=_bounds(used.interval),
        identical=used.identical,
        verdict=comparison.verdict(used, margin, made.direction),
        by_seed=by_seed,
        pooled=_bounds(made.pooled[k].interval),
        separate=_bounds(made.separate[k].interval),
        correlation=made.correlations[k],
    )


def _bounds(pair: Interval | None) -> Bounds | None:
    return Bounds(low=pair.low, high=pair.high, level=pair.level) if pair else None
