"""The same results under other names and in another order: does any number change?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import chain

import numpy as np

from calibration.chance import Chunk, chunks
from calibration.figures import Section, exact
from calibration.populations import ARMS, Floats, Population
from calibration.whole_answers import NAMES, ended, plan_of, played
from clr.analysis.answer import answer
from clr.plan import Plan
from clr.resources import Answer, ArmAnswer
from clr.results import Trial

ROUNDING = 1e-12
"""Sums over arms in another order differ in their last bits: by less than this, where values are near 1."""
CHUNK = 25
Names = Mapping[str, str]
Choice = tuple[str, str | None, frozenset[str], float]


@dataclass(frozen=True)
class Permuted:
    """What became of one study's answer.

    Attributes:
        shuffled: results in another order gave the same answer, to the bit.
        renamed: other names gave the same figures and the same choice, to the bit.
        reordered: arms asked for in another order gave the same choice. change: of any figure then, at most.
    """

    shuffled: bool
    renamed: bool
    reordered: bool
    change: float


def permutations(pool: Executor, studies: int) -> Section:
    found = list(chain.from_iterable(pool.map(permuted, chunks("permutations", studies, CHUNK))))
    of = len(found)
    change = max(study.change for study in found)
    same = sum(study.reordered and study.change <= ROUNDING for study in found)
    lines = (
        exact("results in another order: the same answer, to the bit", sum(study.shuffled for study in found), of),
        exact("arms under each other's names: the same figures, to the bit", sum(s.renamed for s in found), of),
        exact(f"arms in another order: the same choice, figures within 1e-12 (at most {change:.0e} off)", same, of),
    )
    return Section("Permutations: whole path, 7 arms whose true means lie 0 to 2 sd apart", lines)


def permuted(chunk: Chunk) -> list[Permuted]:
    rng = chunk.rng()
    tables = Population(means=tuple(np.linspace(0, 2, ARMS).tolist())).tables(rng, chunk.studies)
    return [_permuted(table, chunk.first + k, rng) for k, table in enumerate(tables)]


def _permuted(table: Floats, seed: int, rng: np.random.Generator) -> Permuted:
    plan, trials = _study(NAMES, table, seed)
    found = answer("calibration", plan, trials)
    shuffled = answer("calibration", plan, [trials[k] for k in rng.permutation(len(trials))])
    names = [NAMES[0], *(NAMES[1 + k] for k in rng.permutation(ARMS - 1))]
    renamed, back = answer("calibration", *_study(names, table, seed)), dict(zip(names, NAMES, strict=True))
    order = rng.permutation(ARMS)
    reordered = answer("calibration", *_study([NAMES[k] for k in order], table[order], seed))
    here, there = figures(found), figures(reordered)
    return Permuted(
        shuffled=shuffled == found,
        renamed=(figures(renamed, back), choice(renamed, back)) == (here, choice(found)),
        reordered=here.keys() == there.keys() and choice(reordered)[:3] == choice(found)[:3],
        change=max(abs(value - there.get(name, np.inf)) for name, value in here.items()),
    )


def _study(names: Sequence[str], table: Floats, seed: int) -> tuple[Plan, list[Trial]]:
    plan = plan_of(names, seed)
    return plan, played(plan, ended(plan, table))


def choice(found: Answer, back: Names | None = None) -> Choice:
    """Action, whom it names, the best set and the loss; `back`: a new name's former one."""
    names = back or {}
    members = frozenset(names.get(name, name) for name in found.best_set)
    return found.action, names.get(found.recommended or "", found.recommended), members, found.loss or 0.0


def figures(found: Answer, back: Names | None = None) -> dict[str, float]:
    """Every figure that an answer has of its arms, by arm and kind."""
    names = back or {}
    return dict(chain.from_iterable(_figures(arm, names.get(arm.arm, arm.arm)) for arm in found.arms))


def _figures(arm: ArmAnswer, name: str) -> list[tuple[str, float]]:
    bounds = {"interval": arm.interval, "prediction": arm.prediction}
    if arm.difference is not None:
        bounds |= {"difference": arm.difference.interval, "separate": arm.difference.separate}
    ends = [(f"{name} {kind} {end}", getattr(b, end)) for kind, b in bounds.items() if b for end in ("low", "high")]
    return [(f"{name} rank", float(arm.rank)), (f"{name} mean", arm.mean or 0.0), *ends]
