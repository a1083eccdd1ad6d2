"""Which kinds of device the compared runs were confirmed on, and what is to be said where they differ: pure.

The same config gives the same bits on the same kind alone. A seed whose runs were on one kind is paired as planned; one
whose runs were on several brings the device into its differences.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from clr.analysis import confirmed
from clr.plan import Plan
from clr.results import Trial


def notes(plan: Plan, trials: Sequence[Trial]) -> tuple[str, ...]:
    """One warning where compared runs were confirmed on more than one kind, else none."""
    runs = {arm.name: _known(confirmed.runs(plan, trials, arm.name)) for arm in plan.arms}
    kinds = {trial.device_kind for found in runs.values() for trial in found}
    if len(kinds) < 2:
        return ()
    where = "; ".join(f"{arm} on {_counted(found)}" for arm, found in runs.items() if found)
    return (f"Confirmed on different kinds of device ({where}): {_consequence(runs)}.",)


def _known(runs: Sequence[Trial]) -> list[Trial]:
    return [trial for trial in runs if trial.outcome == "done" and trial.device_kind]


def _counted(runs: Sequence[Trial]) -> str:
    counts = sorted(Counter(trial.device_kind for trial in runs).items())
    return " and ".join(f"{kind} ({count})" for kind, count in counts)


def _consequence(runs: Mapping[str, Sequence[Trial]]) -> str:
    by_seed: dict[tuple[int, int], set[str]] = {}
    for trial in (trial for found in runs.values() for trial in found):
        by_seed.setdefault((trial.round, trial.seed), set()).add(trial.device_kind)
    mixed = sum(len(kinds) > 1 for kinds in by_seed.values())
    if not mixed:
        return "the runs of each seed shared a kind, so the differences are paired within it"
    return (
        f"their bits differ, so the paired differences of {mixed} of {len(by_seed)} seeds hold the device's "
        "effect, too; confirm every arm on one kind to take it out"
    )
