"""The ledger as it came out: what each phase and arm was asked for, what was trained, and whether that was fair."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from clr.plan import ArmPlan, Plan
from clr.resources import LedgerRow
from clr.results import Phase, Trial


def ledger(plan: Plan, trials: Sequence[Trial]) -> tuple[LedgerRow, ...]:
    """A row for the range test, then one for each arm's search and confirm."""
    return tuple(_rows(plan, trials))


def _rows(plan: Plan, trials: Sequence[Trial]) -> Iterator[LedgerRow]:
    if plan.range_test is not None:
        ramps = [trial for trial in trials if trial.phase == "range-test"]
        count = max(len(plan.range_test.seeds), len(ramps))
        yield _row("range-test", "", ramps, count, count * plan.range_test.iterations)
    for arm in plan.arms:
        asked = arm.trials * plan.replicates
        yield _row("search", arm.name, _of(trials, "search", arm), asked, asked * plan.iterations)
    begun = any(trial.phase == "confirm" for trial in trials)
    for arm in plan.arms:
        found = _of(trials, "confirm", arm)
        # Looks may stop early, and finalists are not all arms: what counts is what was opened.
        runs = [trial.iterations for trial in found] if begun else [plan.iterations] * len(plan.confirm_seeds)
        yield _row("confirm", arm.name, found, len(runs), sum(runs))


def _of(trials: Sequence[Trial], phase: Phase, arm: ArmPlan) -> list[Trial]:
    return [trial for trial in trials if (trial.phase, trial.arm) == (phase, arm.name)]


def _row(phase: Phase, arm: str, trials: Sequence[Trial], asked: int, iterations_asked: int) -> LedgerRow:
    return LedgerRow(
        phase=phase,
        arm=arm,
        asked=asked,
        trained=sum(trial.outcome in ("done", "diverged") for trial in trials),
        failed=sum(trial.outcome == "failed" for trial in trials),
        iterations_asked=iterations_asked,
        iterations=sum(trained(trial) for trial in trials),
        seconds=sum(trial.seconds for trial in sorted(trials, key=lambda trial: trial.number)),
        pruned=sum(trial.outcome == "pruned" for trial in trials),
        saved=sum(trial.iterations - trained(trial) for trial in trials if trial.outcome == "pruned"),
    )


def saved(rows: Sequence[LedgerRow]) -> str:
    """What pruning saved of the search, in a sentence; "" where nothing was pruned.

    >>> row = LedgerRow(phase="search", arm="a", asked=4, trained=3, failed=0, iterations_asked=400, iterations=350,
    ...                 seconds=2.0, pruned=1, saved=50)
    >>> saved([row])
    'Pruning ended 1 of 4 search trials early and saved 50 of 400 iterations (12 %).'
    """
    search = [row for row in rows if row.phase == "search"]
    pruned, spared = sum(row.pruned for row in search), sum(row.saved for row in search)
    if not pruned:
        return ""
    asked, iterations = sum(row.asked for row in search), sum(row.iterations_asked for row in search)
    return (
        f"Pruning ended {pruned} of {asked} search trials early and saved {spared} of {iterations} iterations "
        f"({100 * spared / iterations:.0f} %)."
    )


def trained(trial: Trial) -> int:
    """Iterations that a run is known to have made: whole, or up to its last evaluation."""
    if trial.outcome == "done" and trial.phase != "range-test":
        return trial.iterations
    return max((evaluation.iteration for evaluation in trial.curve), default=0)


def unequal(plan: Plan) -> str:
    """Why the arms did not have the same chances; "" where they had.

    An arm with everything fixed by the user runs one search trial: beside arms that were searched that is unequal,
    since nobody knows how long its values were looked for.
    """
    counts = sorted({arm.trials for arm in plan.arms})
    if len(counts) == 1:
        return ""
    fewest = ", ".join(arm.name for arm in plan.arms if arm.trials == counts[0])
    return (
        f"the arms were searched unequally, {counts[0]} to {counts[-1]} trials ({fewest} had the fewest, since nothing "
        "was left to search): search every arm, or fix every arm"
    )


def starved(plan: Plan, trials: Sequence[Trial], arms: Sequence[str]) -> str:
    """Why some of these arms did not get the search that was asked for; "" where each got at least half of it.

    A diverged trial was trained: that is the arm's own doing. A failed one was not.
    """
    asked = {name: plan.arm(name).trials * plan.replicates for name in arms}
    failed = {name: sum(t.outcome == "failed" for t in trials if (t.phase, t.arm) == ("search", name)) for name in arms}
    short = [f"{name} ({failed[name]} of {asked[name]})" for name in arms if 2 * failed[name] > asked[name]]
    if not short:
        return ""
    return f"more than half of the search trials failed in {', '.join(short)}: the arms did not have the same chances"
