"""What a spec asks of confirm beside seeds: finalists, extensions, shorter lengths, a target."""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor

import numpy as np

from calibration.chance import Chunk, Tally, chunks, tally
from calibration.figures import Section, band, covered, covered_at_least, errors, errors_at_most, exact, share
from calibration.populations import ARMS, SEEDS, Floats, Population
from calibration.whole_answers import CENTRE, CHUNK, NAMES, SD, ended, plan_of, played, said, spec_of, trial_of
from clr import plan as plans
from clr.analysis.answer import answer
from clr.analysis.stages import MOST_FINALISTS
from clr.plan import Plan, PlannedSlot
from clr.resources import Answer
from clr.results import Evaluation, Trial
from clr.spec import Extension
from clr.tasks.facts import DIGITS

LOOKED_AT, MOST_FALSE = 4, 0.0875
"""Arms of an extended study; the error of a planned look and two that were not: 5 + 2.5 + 1.25 %."""
LENGTH_ARMS, SHORT = 3, 0.5
MARGIN = 0.5
"""Of the studies of two lengths [sd of a run]; every arm's shorter runs lose exactly this."""
TARGET_LENGTH, GRID = 1_000, 20
RISE, RISE_LOG_SD = 300.0, 0.3
"""Iterations in which a run comes within 1/e of its last value: lognormal over runs, the same for both arms."""
CURVES_CHUNK = 25


def finalists(pool: Executor, studies: int) -> Section:
    """Identical arms of which the search's luck picks three: confirmed on fresh seeds, luck is left behind."""
    found = tally(pool, count_finalists, chunks("finalists", studies, CHUNK))
    of = found["studies"]
    lines = (
        exact("three arms are confirmed, the baseline and the best two of the search", found["picked"], of),
        errors("some finalist is shown to differ from the baseline (false)", found["shown"], of),
        errors_at_most("the answer names one arm as the best (false)", found["winner"], of),
    )
    return Section(f"Whole path with confirm: finalists; {ARMS} identical arms, 5 seeds, searched by luck", lines)


def count_finalists(chunk: Chunk) -> Tally:
    rng, found = chunk.rng(), Counter[str](studies=chunk.studies)
    for k, table in enumerate(Population().tables(rng, chunk.studies)):
        plan = plan_of(NAMES, chunk.first + k, confirm="finalists")
        luck = dict(zip(NAMES, rng.standard_normal(ARMS).tolist(), strict=True))
        made = answer("calibration", plan, played(plan, _searched(ended(plan, table), luck)))
        others = sorted(NAMES[1:], key=lambda name: -luck[name])
        confirmed = {arm.arm for arm in made.arms if arm.status == "confirmed"}
        found.update(said(made))
        found["picked"] += confirmed == {NAMES[0], *others[: MOST_FINALISTS - 1]}
    return found


def _searched(end: Callable[[PlannedSlot], Trial], luck: Mapping[str, float]) -> Callable[[PlannedSlot], Trial]:
    """The same, with search values of their own."""

    def ends(slot: PlannedSlot) -> Trial:
        return trial_of(slot, CENTRE + SD * luck[slot.arm]) if slot.phase == "search" else end(slot)

    return ends


def extensions(pool: Executor, studies: int) -> Section:
    """A study that is extended whatever it said: looks that nobody planned."""
    found = tally(pool, count_extensions, chunks("extensions", studies, CHUNK))
    of = found["studies"]
    lines = (
        share("at the first look some arm is shown to differ from the baseline (false)", found["shown first"], of),
        share("at one look or another (false)", found["shown"], of, high=MOST_FALSE + band(of)),
        errors_at_most("the last answer shows some difference (false)", found["shown last"], of),
    )
    heading = f"Whole path, extended twice by {SEEDS} seeds; {LOOKED_AT} identical arms, {SEEDS} seeds at first"
    return Section(heading, lines)


def count_extensions(chunk: Chunk) -> Tally:
    rng, found = chunk.rng(), Counter[str](studies=chunk.studies)
    population = Population(means=(0.0,) * LOOKED_AT, sds=(1.0,) * LOOKED_AT, seeds=3 * SEEDS)
    for k, table in enumerate(population.tables(rng, chunk.studies)):
        shown = ["shown" in said(made) for made in _extended(table, chunk.first + k)]
        found.update({"shown first": shown[0], "shown": any(shown), "shown last": shown[-1]})
    return found


def _extended(table: Floats, seed: int) -> Iterator[Answer]:
    """The answers before, between and after two extensions."""
    spec = spec_of(NAMES[:LOOKED_AT], seed)
    plan = plans.make(spec, DIGITS)
    trials = played(plan, ended(plan, table))
    yield answer("calibration", plan, trials)
    for _ in range(2):
        plan = plans.extended(plan, spec, Extension(confirm_seeds=SEEDS), None)
        trials = played(plan, ended(plan, table), trials)
        yield answer("calibration", plan, trials)


def lengths(pool: Executor, studies: int) -> Section:
    """Every arm loses the margin at half the length: that nothing is lost would be false."""
    found = tally(pool, count_lengths, chunks("lengths", studies, CHUNK))
    of = found["studies"]
    lines = (
        covered("the interval of an arm's mean at half the length holds it", found["mean held"], of),
        covered_at_least("all intervals against the baseline's whole runs hold the loss", found["loss held"], of),
        errors_at_most("some shorter run is said to lose less than it does (false)", found["sooner"], of),
    )
    heading = (
        f"Whole path with lengths: [{SHORT:g}, 1.0]; {LENGTH_ARMS} identical arms, 5 seeds, the loss is the margin"
    )
    return Section(heading, lines)


def count_lengths(chunk: Chunk) -> Tally:
    rng, found = chunk.rng(), Counter[str](studies=chunk.studies)
    population = Population(means=(0.0,) * LENGTH_ARMS, sds=(1.0,) * LENGTH_ARMS, common=0.0)
    pairs = zip(population.tables(rng, chunk.studies), population.tables(rng, chunk.studies), strict=True)
    for k, (whole, short) in enumerate(pairs):
        plan = plan_of(NAMES[:LENGTH_ARMS], chunk.first + k, lengths=[SHORT, 1.0], margin=MARGIN * SD)
        made = answer("calibration", plan, played(plan, _at_length(plan, whole, short - MARGIN)))
        arms = made.lengths[0].arms
        truth = CENTRE - MARGIN * SD
        first = next(arm.interval for arm in arms if arm.arm == NAMES[0])
        found["mean held"] += first is not None and first.low <= truth <= first.high
        losses = [arm.against_whole_interval for arm in arms]
        found["loss held"] += all(b is not None and b.low <= truth - CENTRE <= b.high for b in losses)
        found["sooner"] += any(arm.sooner for arm in arms)
    return found


def _at_length(plan: Plan, whole: Floats, short: Floats) -> Callable[[PlannedSlot], Trial]:
    ends = {True: ended(plan, whole), False: ended(plan, short)}
    return lambda slot: ends[slot.config.iterations == plan.iterations](slot)


def targets(pool: Executor, studies: int) -> Section:
    """Two arms that learn equally fast, and a target that half of such runs reach: set by runs of its own."""
    found = tally(pool, count_targets, chunks("target seeds", studies, CURVES_CHUNK))
    of, given = found["studies"], found["given"]
    lines = (
        exact("no run that sets the target is compared", found["apart"], of),
        share("more than half of an arm's runs don't reach it: no ratio", of - given, of),
        covered_at_least("a ratio that is given: its interval holds 1", found["held"], given),
    )
    return Section("Whole path with target_seeds: 5; 2 equally fast arms, 5 seeds", lines)


def count_targets(chunk: Chunk) -> Tally:
    rng, found = chunk.rng(), Counter[str](studies=chunk.studies)
    for k in range(chunk.studies):
        plan = plan_of(
            NAMES[:2], chunk.first + k, target_seeds=SEEDS, budget={"iterations": TARGET_LENGTH}, evaluate_every=GRID
        )
        trials = played(plan, functools.partial(_rising, rng))
        made = answer("calibration", plan, trials)
        compared = {number for arm in made.arms for number in arm.trials}
        setting = {trial.number for trial in trials if trial.seed in plan.target_seeds}
        found["apart"] += len(setting) == SEEDS and not setting & compared
        (ratio,) = (arm.target_ratio for arm in made.arms if arm.arm == NAMES[1])
        if ratio is not None and ratio.interval is not None:
            found.update(given=1, held=ratio.interval.low <= 1.0 <= ratio.interval.high)
    return found


def _rising(rng: np.random.Generator, slot: PlannedSlot) -> Trial:
    """A run that learns at a pace of its own: 1 - exp(-i / rise)."""
    if slot.phase != "confirm":
        return trial_of(slot, CENTRE)
    rise = RISE * math.exp(RISE_LOG_SD * rng.standard_normal())
    at = range(GRID, TARGET_LENGTH + 1, GRID)
    curve = tuple(Evaluation(i, {DIGITS.metric: 1 - math.exp(-i / rise)}) for i in at)
    return trial_of(slot, CENTRE, curve)
