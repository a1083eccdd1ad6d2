"""A constant rate written in three ways, searched and confirmed: what differs in name alone must tie."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

import numpy as np

from calibration.chance import Chunk, Tally, chunks, tally
from calibration.figures import Section, exact
from calibration.whole_answers import CENTRE, SD, plan_of, played, trial_of
from clr import schedules
from clr.analysis.answer import answer
from clr.plan import PlannedSlot
from clr.results import Trial

SAMPLERS = ("tpe", "random", "qmc", "cma-es", "grid")
ARMS: tuple[Mapping[str, Any], ...] = (
    {"family": "fixed", "name": "fixed"},
    {"family": "triangular", "name": "triangular", "fixed": {"ratio": 1.0, "cycles": 2}},
    {"family": "exponential", "name": "exponential", "fixed": {"ratio": 1.0}},
)
"""With its base at its peak a triangle is flat; with gamma = 1 nothing decays."""
NAMES = tuple(str(arm["name"]) for arm in ARMS)
TRIALS = 10
CHUNK = 5


def search_null(pool: Executor, studies: int) -> Section:
    """Args: studies: with each sampler."""
    lines = []
    for sampler in SAMPLERS:
        found = tally(pool, count, chunks(sampler, studies, CHUNK))
        lines.append(exact(f"{sampler}: the same search, the answer “identical”", found["tie"], found["studies"]))
    heading = (
        f"Search null: a constant rate as fixed, flat triangle and exponential without decay; {TRIALS} trials each"
    )
    return Section(heading, tuple(lines))


def count(chunk: Chunk, arms: Sequence[Mapping[str, Any]] = ARMS) -> Tally:
    """The check's name is the sampler's."""
    found: Tally = Counter(studies=chunk.studies)
    for seed in range(chunk.first, chunk.first + chunk.studies):
        plan = plan_of(NAMES, seed, arms=list(arms), baseline=NAMES[0], trials=TRIALS, sampler=chunk.check)
        trials = played(plan, _ended)
        points = {name: [t.params["peak_lr"] for t in trials if (t.arm, t.phase) == (name, "search")] for name in NAMES}
        alike = len(points[NAMES[0]]) == TRIALS and all(row == points[NAMES[0]] for row in points.values())
        found["tie"] += alike and answer("calibration", plan, trials).identical == (NAMES,)
    return found


def _ended(slot: PlannedSlot) -> Trial:
    """A value that depends on the run's rates and its seed, and on nothing else."""
    rates = schedules.from_dict(slot.config.schedule).rates(slot.config.iterations)
    noise = float(np.random.default_rng(slot.config.seed).standard_normal())
    return trial_of(slot, CENTRE + SD * (noise - abs(math.log(float(rates.mean()) / 0.1))))
