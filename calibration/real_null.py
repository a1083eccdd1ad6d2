"""One schedule under two names, trained on `digits`: confirm runs through `clr.training`, answers by `clr.analysis`."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Executor

from scipy import stats

from calibration.chance import Chunk, Tally, chunks, tally
from calibration.figures import Line, Section, exact, percent
from calibration.whole_answers import CENTRE, WINNERS, plan_of, played, trial_of
from clr import plan as plans
from clr.analysis.answer import answer
from clr.analysis.intervals import clopper_pearson
from clr.plan import Plan, PlannedSlot
from clr.results import Event, Finished, Trial
from clr.tasks.facts import DIGITS

ITERATIONS = 200
NAMES = ("one", "other")
SCHEDULE = {"base_lr": 0.02, "max_lr": 0.2, "step_size": 50}
LEVEL = 0.99
"""Of the interval that must hold 5 %: a right program misses it one time in a hundred."""
CHUNK = 5


def real_null(pool: Executor, studies: int, shared: int) -> Section:
    """Args: studies: with a stream of seeds of its own for each name. shared: with the same seeds for both."""
    same = tally(pool, count_shared, chunks("digits, shared seeds", shared, CHUNK))
    found = tally(pool, count_apart, chunks("digits, two streams", studies, CHUNK))
    lines = (
        exact("shared seeds: every difference is 0, the answer “identical”", same["identical"], same["studies"]),
        _winners(found["winner"], found["studies"]),
        Line("two streams: mean test accuracy", percent(found["right"] / found["runs"] / DIGITS.test_size)),
        Line("two streams: answers “identical”", f"{found['identical']} of {found['studies']}"),
        Line("two streams: runs that diverged", f"{found['diverged']} of {found['runs']:,}"),
    )
    heading = f"Real null: triangular2 under two names on digits, 5 seeds, {ITERATIONS} iterations, trained"
    return Section(heading, lines)


def _winners(winners: int, of: int) -> Line:
    """200 studies can't tell 5 % from 4 %: that 5 % lies in the interval is all they can show."""
    bounds, wide = clopper_pearson(winners, of), clopper_pearson(winners, of, LEVEL)
    found = f"{percent(winners / of)} ({100 * bounds.low:.2f} to {100 * bounds.high:.2f}; {winners} of {of})"
    low, high = (int(end) for end in stats.binom.interval(LEVEL, of, 0.05))
    promised = f"5 %, that is {low} to {high} of {of}"
    return Line("two streams: the answer names a winner (false)", found, promised, wide.contains(0.05))


def count_shared(chunk: Chunk) -> Tally:
    return _count(chunk, apart=False)


def count_apart(chunk: Chunk) -> Tally:
    return _count(chunk, apart=True)


def _count(chunk: Chunk, apart: bool) -> Tally:
    found: Tally = Counter()
    for seed in range(chunk.first, chunk.first + chunk.studies):
        plan = real_plan(seed)
        streams = {NAMES[1]: other_stream(plan, seed)} if apart else {}
        trials = played(plan, functools.partial(trained, streams))
        made = answer("calibration", plan, trials)
        confirm = [trial for trial in trials if trial.phase == "confirm"]
        found.update(
            studies=1,
            winner=made.action in WINNERS,
            identical=made.identical == (NAMES,) and "identical" in made.sentence,
            runs=len(confirm),
            diverged=sum(trial.outcome == "diverged" for trial in confirm),
            right=sum(round((trial.value or 0.0) * DIGITS.test_size) for trial in confirm),
        )
    return found


def real_plan(seed: int) -> Plan:
    arms = [{"family": "triangular2", "name": name, "fixed": SCHEDULE} for name in NAMES]
    return plan_of(NAMES, seed, arms=arms, baseline=NAMES[0], budget={"iterations": ITERATIONS}, evaluate_every=100)


def other_stream(plan: Plan, seed: int) -> dict[int, int]:
    """For each confirm seed, one of another stream: of initial weights, split and order."""
    return dict(zip(plan.confirm_seeds, plans.seeds(seed, "another stream", len(plan.confirm_seeds)), strict=True))


def trained(streams: Mapping[str, Mapping[int, int]], slot: PlannedSlot) -> Trial:
    """The slot's run on the digits; search runs, on which nothing rests here, are not trained.

    Args:
        streams: arm -> the plan's seed -> the seed to train with; an arm without one takes the plan's.
    """
    if slot.phase != "confirm":
        return trial_of(slot, CENTRE)
    event = last_event(slot, streams.get(slot.arm, {}).get(slot.config.seed, slot.config.seed))
    if not isinstance(event, Finished):
        return trial_of(slot, None)
    return trial_of(slot, event.test[DIGITS.metric])


def last_event(slot: PlannedSlot, seed: int) -> Event:
    import torch  # takes seconds, and the other checks do without

    from clr.training.loop import train

    torch.set_num_threads(1)
    return list(train(slot.config.model_copy(update={"seed": seed, "split_seed": seed})))[-1]
