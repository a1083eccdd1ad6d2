"""Studies from spec to answer: `clr.spec`, `clr.plan`, `clr.rounds` and `clr.analysis.answer`, with values drawn.

Nothing is trained: a trial's value is the table's. What is calibrated here is the wiring between the formulas, too.
"""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import chain

import numpy as np

from calibration.chance import Chunk, Tally, chunks, tally
from calibration.figures import Section, average, covered, covered_at_least, errors, errors_at_most, exact, share
from calibration.populations import ARMS, GIVEN, SEEDS, Floats, Population
from clr import plan as plans
from clr import rounds
from clr.analysis.answer import answer
from clr.plan import Plan, PlannedSlot
from clr.resources import Answer
from clr.results import Evaluation, Trial
from clr.spec import StudySpec, parse
from clr.tasks.facts import DIGITS

CENTRE, SD = 0.9, 0.01
"""An accuracy of 90 %, and one sd of a run: a point."""
NAMES = tuple(f"arm-{k}" for k in range(ARMS))
DIVERGES = 0.05
CHUNK = 100
LOOKS = (3, 5, 10)
REPLICATES, PER_REPLICATE = 5, 2
WINNERS = ("use it", "keep your baseline")


def plan_of(names: Sequence[str], seed: int, **asked: object) -> Plan:
    return plans.make(spec_of(names, seed, **asked), DIGITS)


def spec_of(names: Sequence[str], seed: int, **asked: object) -> StudySpec:
    """Arms with nothing left to search, given bounds, no margin: the answer rests on the confirm phase alone."""
    arms = [{"family": "fixed", "name": name, "fixed": {"lr": 0.1}} for name in names]
    document = {
        "task": "digits", "arms": arms, "bounds": {"low": 0.01, "high": 1.0}, "trials": 1, "margin": 0.0,
        "confirm_seeds": SEEDS, "baseline": "arm-0", "seed": seed,
    }  # fmt: skip
    spec = parse(document | asked)
    if wrong := plans.check(spec, DIGITS, [DIGITS.name]):
        raise ValueError(f"The calibration's own study is refused: {wrong}")
    return spec


def trial_of(slot: PlannedSlot, value: float | None, curve: tuple[Evaluation, ...] = ()) -> Trial:
    """The trial that this slot ends as; without a value it diverged."""
    return slot.trial(
        outcome="diverged" if value is None else "done",
        value=value,
        reason="the training loss became nan" if value is None else "",
        curve=curve,
        seconds=1.0,
    )


def played(plan: Plan, end: Callable[[PlannedSlot], Trial], before: Sequence[Trial] = ()) -> list[Trial]:
    """Every round that comes due, ended as `end` says, until the study is over; `before`: trials of an extended one."""
    trials = list(before)
    while slots := rounds.due(plan, trials):
        trials += map(end, slots)
    return trials


def ended(plan: Plan, table: Floats) -> Callable[[PlannedSlot], Trial]:
    """Ends a slot with the table's value for its arm and seed; search trials alike, all at the centre.

    Args:
        table: [arms, runs] in sd, in the plan's order, confirm seeds before final ones; NaN where a run diverged.
    """
    rows = {arm.name: row for row, arm in enumerate(plan.arms)}
    columns = {seed: column for column, seed in enumerate([*plan.all_confirm_seeds, *plan.final_seeds])}

    def end(slot: PlannedSlot) -> Trial:
        if slot.phase != "confirm":
            return trial_of(slot, CENTRE)
        drawn = float(table[rows[slot.arm], columns[slot.config.seed]])
        return trial_of(slot, None if math.isnan(drawn) else CENTRE + SD * drawn)

    return end


def answers(chunk: Chunk, tables: Floats, **asked: object) -> Iterator[Answer]:
    """The answer of each of a chunk's studies. `tables`: [studies, arms, runs]; `asked`: more of the spec."""
    for k, table in enumerate(tables):
        plan = plan_of(NAMES[: len(table)], chunk.first + k, **asked)
        yield answer("calibration", plan, played(plan, ended(plan, table)))


def said(found: Answer) -> list[str]:
    """Which of the counted things are so in one answer of identical arms."""
    gaps = [arm.difference.interval for arm in found.arms if arm.difference is not None]
    facts = {
        "confirmed": found.status == "confirmed",
        "verdict": found.action != "no verdict: screened only",
        "shown": any(gap is not None and not gap.low <= 0 <= gap.high for gap in gaps),
        "given in set": NAMES[GIVEN] in found.best_set,
        "winner": found.action in WINNERS,
        "said as decided": (found.action in WINNERS) == found.sentence.startswith(("Use ", "Keep your baseline")),
        "given whole": any(a.arm == NAMES[GIVEN] and not a.confirm_diverged for a in found.arms),
    }
    return [name for name, so in facts.items() if so]


def count(diverges: float, chunk: Chunk) -> Tally:
    rng, found = chunk.rng(), Counter[str](studies=chunk.studies)
    tables = Population().tables(rng, chunk.studies)
    tables[rng.random(tables.shape) < diverges] = np.nan
    for made in answers(chunk, tables):
        facts = said(made)
        found.update(facts)
        found["given whole in set"] += {"given whole", "given in set", "verdict"} <= set(facts)
        found["given whole and verdict"] += {"given whole", "verdict"} <= set(facts)
    return found


def null(pool: Executor, studies: int) -> Section:
    found = tally(pool, functools.partial(count, 0.0), chunks("answer, null", studies, CHUNK))
    of = found["studies"]
    lines = (
        exact("the study ends confirmed, with a verdict", min(found["confirmed"], found["verdict"]), of),
        exact("sentence and action name a winner, or neither does", found["said as decided"], of),
        errors("some arm is shown to differ from the baseline (false)", found["shown"], of),
        covered_at_least("the best set holds a given arm", found["given in set"], of),
        errors_at_most("the answer names one arm as the best (false)", found["winner"], of),
    )
    return Section("Whole path, spec to answer: 7 identical arms, 5 seeds", lines)


def diverging(pool: Executor, studies: int) -> Section:
    found = tally(pool, functools.partial(count, DIVERGES), chunks("answer, diverging", studies, CHUNK))
    of = found["studies"]
    lines = (
        share("the study ends with a verdict", found["verdict"], of),
        share("some arm is shown to differ from the baseline (false)", found["shown"], of),
        share(
            "the best set holds a given arm that did not diverge",
            found["given whole in set"],
            found["given whole and verdict"],
        ),
        share("the answer names one arm as the best (false)", found["winner"], of),
    )
    return Section("Told as it comes out: whole path, each run diverges with probability 0.05", lines)


def count_looks(chunk: Chunk) -> Tally:
    found: Tally = Counter(studies=chunk.studies)
    pair = Population(means=(0.0, 0.0), sds=(1.0, 1.0), seeds=LOOKS[-1])
    for made in answers(chunk, pair.tables(chunk.rng(), chunk.studies), looks=list(LOOKS), confirm_seeds=LOOKS[-1]):
        found["winner"] += made.action in WINNERS
        found["stopped"] += all(len(arm.values) < LOOKS[-1] for arm in made.arms)
    return found


def looks(pool: Executor, studies: int) -> Section:
    """Looking three times is no licence: the level is split."""
    found = tally(pool, count_looks, chunks("looks", studies, CHUNK))
    of = found["studies"]
    lines = (
        errors_at_most("the answer names one arm as the best (false)", found["winner"], of),
        share("the study ends before its last look", found["stopped"], of),
    )
    return Section("Whole path with looks: [3, 5, 10]; 2 identical arms", lines)


def count_replicates(chunk: Chunk) -> Tally:
    """Every search finds another configuration: what it is worth is common to a replicate's seeds."""
    rng, found = chunk.rng(), Counter[str](studies=chunk.studies)
    tables = Population(seeds=REPLICATES * PER_REPLICATE).tables(rng, chunk.studies)
    tables += np.repeat(rng.standard_normal((chunk.studies, ARMS, REPLICATES)), PER_REPLICATE, axis=2)
    for made in answers(chunk, tables, replicates=REPLICATES, confirm_seeds=PER_REPLICATE):
        found.update(said(made))
    return found


def replicates(pool: Executor, studies: int) -> Section:
    found = tally(pool, count_replicates, chunks("replicates", studies, CHUNK))
    of = found["studies"]
    lines = (
        errors("some arm is shown to differ from the baseline (false)", found["shown"], of),
        covered_at_least("the best set holds a given arm", found["given in set"], of),
    )
    heading = (
        f"Whole path with replicates: {REPLICATES} of {PER_REPLICATE} seeds; 7 identical families, searches differ"
    )
    return Section(heading, lines)


@dataclass(frozen=True)
class Lead:
    """The recommended arm of one study, in sd of a run.

    Attributes:
        chosen: its confirmed mean less the truth, on the seeds that it was chosen by. fresh: on final seeds.
        held: the reported interval, on final seeds, holds the truth; naive: the one on the seeds it was chosen by.
    """

    chosen: float
    fresh: float
    held: bool
    naive: bool


def leads(final_seeds: int, chunk: Chunk) -> list[Lead]:
    tables = Population(seeds=SEEDS + final_seeds, common=0.0).tables(chunk.rng(), chunk.studies)
    return [_lead(found) for found in answers(chunk, tables, final_seeds=final_seeds)]


def _lead(found: Answer) -> Lead:
    arm = next(arm for arm in found.arms if arm.arm == found.recommended)
    reported = found.reported
    if reported is None or not reported.fresh or reported.interval is None or arm.mean is None or arm.interval is None:
        raise ValueError(f"A study with final seeds reports none: {found.sentence}")
    return Lead(
        chosen=(arm.mean - CENTRE) / SD,
        fresh=(reported.mean - CENTRE) / SD,
        held=reported.interval.low <= CENTRE <= reported.interval.high,
        naive=arm.interval.low <= CENTRE <= arm.interval.high,
    )


def final_seeds(pool: Executor, studies: int) -> Section:
    """The winner's curse, and its cure."""
    parts = pool.map(functools.partial(leads, SEEDS), chunks("final seeds", studies, CHUNK))
    found = list(chain.from_iterable(parts))
    of = len(found)
    lines = (
        average("recommended arm, its confirmed mean less the truth", [lead.chosen for lead in found], "sd"),
        share("its own t interval there holds the truth", sum(lead.naive for lead in found), of),
        average(
            "the mean that is reported, on final seeds, less the truth", [lead.fresh for lead in found], "sd", True
        ),
        covered("the interval that is reported holds the truth", sum(lead.held for lead in found), of),
    )
    return Section("Whole path with final_seeds: 5; 7 identical arms, 5 seeds, sd of a run's own noise", lines)
