"""Tables of confirmed values through `clr.analysis.comparison`, study by study: how often is it wrong?"""

from __future__ import annotations

import functools
from collections import Counter
from concurrent.futures import Executor

import numpy as np

from calibration import independent_rule
from calibration.chance import Chunk, Tally, chunks, tally
from calibration.figures import Line, Section, agreement, covered, covered_at_least, errors, errors_at_most, share
from calibration.populations import ARMS, GIVEN, Floats, Population, planted
from clr.analysis import comparison
from clr.analysis.intervals import Difference

INDEPENDENT = 200_000
"""Studies of the second simulation."""

TOLD: dict[str, Population] = {
    "spreads from 1 to 3, all means equal": Population(sds=tuple(np.linspace(1, 3, ARMS).tolist())),
    "the baseline's spread is 3, the others' 1": Population(sds=(3.0, *[1.0] * (ARMS - 1))),
    "one other arm's spread is 3, the rest's 1": Population(sds=tuple(3.0 if k == GIVEN else 1.0 for k in range(ARMS))),
    "the baseline's spread is 3, ten seeds": Population(sds=(3.0, *[1.0] * (ARMS - 1)), seeds=10),
    "lognormal noise": Population(noise="lognormal"),
    "one run in twenty ends 10 sd lower": Population(noise="collapsing"),
}
"""Studies that break an assumption: told as they come out."""


def count(population: Population, chunk: Chunk) -> Tally:
    """What the real code says of each study of a chunk."""
    found: Tally = Counter(studies=chunk.studies)
    for table in population.tables(chunk.rng(), chunk.studies):
        found.update(said(table, population))
    return found


def said(table: Floats, population: Population) -> list[str]:
    """Which of the counted things are so in one study."""
    made = comparison.compare(table)
    advised = comparison.recommend(made, 0.0, range(len(table)))
    gaps = [mean - population.means[0] for mean in population.means[1:]]
    members = made.best.members if made.best else ()
    facts = {
        "shown": any(not _holds(d, 0.0) for d in made.differences),
        "covered": all(_holds(d, gap) for d, gap in zip(made.differences, gaps, strict=True)),
        "given in set": GIVEN in members,
        "best in set": int(np.argmax(population.means)) in members,
        "winner": advised.action in ("use it", "keep your baseline"),
        "given used": advised.action == "use it" and advised.arm == GIVEN,
        "given shown": _above(made.differences[GIVEN - 1]),
        "noisy": made.noisy is not None,
    }
    return [name for name, so in facts.items() if so]


def _holds(difference: Difference, value: float) -> bool:
    return difference.interval is not None and difference.interval.contains(value)


def _above(difference: Difference) -> bool:
    return difference.interval is not None and difference.interval.low > 0


def null(pool: Executor, studies: int) -> Section:
    """Identical arms: what the report says of them is wrong in 5 of 100 studies."""
    found = _tally(pool, "null", Population(), studies)
    spread = Population(means=tuple(np.linspace(0, 1.5, ARMS).tolist()))
    apart = _tally(pool, "apart", spread, studies)
    of, other = found["studies"], _second("null, independent", 0.0)
    lines = (
        errors("some arm is shown to differ from the baseline (false)", found["shown"], of),
        agreement("the same, in a second simulation in plain NumPy", found["shown"], of, other["differs"], INDEPENDENT),
        covered("all six intervals hold the true difference", found["covered"], of),
        covered("the same where true means lie 0 to 1.5 sd apart", apart["covered"], of),
        covered_at_least("the best set holds a given arm", found["given in set"], of),
        covered_at_least("the best set holds the best arm where means lie apart", apart["best in set"], of),
        errors_at_most("the action names one arm as the best (false)", found["winner"], of),
        errors("an arm is called noisy (false)", found["noisy"], of),
    )
    return Section("Null: 7 identical arms, 5 shared seeds", lines)


def power(pool: Executor, studies: int) -> Section:
    """One arm is better: how often that is seen, here and in a second simulation that shares no code."""
    lines: list[Line] = []
    for effect in (1.0, 2.0):
        population, name = planted(effect), f"planted {effect:g}"
        found = _tally(pool, name, population, studies)
        of, other = found["studies"], _second(f"{name}, independent", effect)
        lines += [
            agreement(f"{effect:g} sd: shown to be better", found["given shown"], of, other["shown"], INDEPENDENT),
            agreement(f"{effect:g} sd: “use it”", found["given used"], of, other["used"], INDEPENDENT),
            covered_at_least(f"{effect:g} sd: the best set holds it", found["best in set"], of),
        ]
    heading = "Power: one of 7 arms is better by 1 or 2 sd of a run, against a second simulation in plain NumPy"
    return Section(heading, tuple(lines))


def _second(name: str, effect: float) -> dict[str, int]:
    """The second simulation, on draws of its own."""
    rng = np.random.default_rng(Chunk(name, 0, 1).rng().integers(2**63))
    return independent_rule.shares(rng, effect, INDEPENDENT)


def told(pool: Executor, studies: int) -> list[Section]:
    """Where an assumption does not hold: no promise, only what comes out."""
    sections = []
    for name, population in TOLD.items():
        found = _tally(pool, name, population, studies)
        of = found["studies"]
        lines = (
            share("some arm is shown to differ from the baseline (false)", found["shown"], of),
            share("the best set holds a given arm", found["given in set"], of),
            share("the action names one arm as the best (false)", found["winner"], of),
            share("an arm is called noisy, the intervals are separate", found["noisy"], of),
        )
        sections.append(Section(f"Told as it comes out: {name}", lines))
    return sections


def _tally(pool: Executor, name: str, population: Population, studies: int) -> Tally:
    return tally(pool, functools.partial(count, population), chunks(name, studies))
