"""What an answer has to say of the extensions that led to it: pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from clr.analysis import confirmed, decision
from clr.analysis.words import level
from clr.plan import Plan
from clr.resources import AnswerStatus
from clr.results import Trial


def notes(plan: Plan, trials: Sequence[Trial], asked: int, status: AnswerStatus) -> tuple[str, ...]:
    """Looks that were not planned and what they cost, runs that no longer count, an extension that has not run yet.

    Args:
        plan, trials: what the answer rests on. asked: extensions of the study, those that still run included.
    """
    return tuple(_notes(plan, trials, asked, status))


def _notes(plan: Plan, trials: Sequence[Trial], asked: int, status: AnswerStatus) -> Iterator[str]:
    if asked > len(plan.extensions) and status == "confirmed":
        yield "This is the answer before the last extension, whose trials have not all ended."
    looks = confirmed.unplanned_looks(plan, trials)
    if looks and status == "confirmed":
        yield (
            f"The study was extended {'once' if looks == 1 else f'{looks} times'} when an answer could be seen. Such a "
            "look was not planned and gets half of the error of the one before: the intervals of this one hold at "
            f"{level(decision.level_of_look(plan, looks))}. All looks so far find a winner where there is none in at "
            f"most {100 * decision.error_of_all_looks(plan, looks):.3g} % of studies."
        )
    for arm in plan.arms:
        if former := confirmed.superseded(plan, trials, arm.name):
            yield (
                f"{arm.name}: the extended search found a better trial, which was confirmed on the same seeds; "
                f"{len(former)} confirm runs of former finalists are in the ledger and not compared."
            )
