"""An arm's earlier rounds -> the next round's parameters, through Optuna in memory: pure.

A round depends on the arm's earlier rounds and nothing else, so a study gives the same parameters on one worker or
fifty, in any order, after any crash. Every arm's sampler starts from the same seed: permuting or renaming arms changes
nothing.

    tpe       get the history told, in a fresh study with a seed of the round
    gp        the same in a helper process, since it needs torch (`clr.sampler_process`)
    random    needs no history
    grid      needs none either: a shuffled grid with just enough levels
    qmc       keep a state: every earlier round is asked for and told again, in trial order, with one seed, which is
    cma-es    the unbroken study bit for bit (under one version of Optuna)

The first round of tpe, gp, random and cma-es is the same random one.
"""

from __future__ import annotations

import itertools
import math
import random
import statistics
import warnings
from collections.abc import Mapping, Sequence
from typing import Literal

import optuna

from clr import sampler_process
from clr.protocol import Direction
from clr.spec import Range

# A study in memory per round is no news to anybody.
optuna.logging.set_verbosity(optuna.logging.ERROR)

Point = dict[str, float | int]
Observed = tuple[Mapping[str, float], float | Literal["pruned", "failed"] | None]
"""A point and its validation value; None where the run diverged, "pruned" where it was ended early for being worse than
usual, "failed" where it has nothing to say."""
STATEFUL = ("qmc", "cma-es")
FILLER = "(nothing depends on it)"
Distributions = dict[str, optuna.distributions.BaseDistribution]


def suggest(
    space: Mapping[str, Range],
    history: Sequence[Sequence[Observed]],
    size: int,
    *,
    sampler: str,
    seed: int,
    direction: Direction,
    trials: int = 0,
) -> list[Point]:
    """The next round of an arm.

    Args:
        space: what is searched. history: the arm's earlier rounds, whole, each with its points in order.
        size: points asked for. sampler: "tpe", "random", "qmc", "cma-es", "gp" or "grid". seed: of the study's
            samplers. direction: "maximize" or "minimize" the validation value. trials: of the whole search ("grid").

    A diverged run counts as the worst finite value of its arm, a pruned one as the median of them: that it would have
    stayed below it is all that is known, and its value at the rung is of another length of run. Runs that failed are
    told to no sampler.

    Raises:
        MissingExtra: "gp" where torch is not installed.
        SamplerFailed: the helper process of "gp" died or took too long.
    """
    if not space:
        return [{} for _ in range(size)]
    if sampler == "grid":
        told = [point for round_ in history for point, _ in round_]
        return _grid(space, told, size, max(trials, len(told) + size), seed)
    if sampler in STATEFUL:
        return _replayed(space, history, size, sampler, seed, direction)
    points, round_seed = _told(history, direction), (seed + 1_000_003 * len(history)) % 2**32
    if sampler == "gp" and points:
        return sampler_process.suggest(space, points, size, seed=round_seed, direction=direction)
    study = optuna.create_study(direction=direction, sampler=_sampler(sampler, round_seed, len(history)))
    distributions = {name: distribution(r) for name, r in space.items()}
    study.add_trials([_finished(point, value, distributions) for point, value in points])
    return [dict(study.ask(distributions).params) for _ in range(size)]


def distribution(r: Range) -> optuna.distributions.BaseDistribution:
    if r.choices is not None:
        return optuna.distributions.CategoricalDistribution(list(r.choices))
    assert r.low is not None and r.high is not None
    if r.integer:
        return optuna.distributions.IntDistribution(int(r.low), int(r.high), log=r.log)
    return optuna.distributions.FloatDistribution(r.low, r.high, log=r.log)


def _sampler(name: str, seed: int, round_: int) -> optuna.samplers.BaseSampler:
    if name != "tpe" or round_ == 0:
        return optuna.samplers.RandomSampler(seed=seed)
    # The points of one round do not see each other's values: the constant liar keeps them apart.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=1, multivariate=True, constant_liar=True)


def _told(rounds: Sequence[Sequence[Observed]], direction: Direction) -> list[tuple[Mapping[str, float], float]]:
    """Points with a value, those that stand in for one included; () while there is none."""
    stand_ins = _stand_ins(rounds, direction)
    if not stand_ins:
        return []
    seen = [(point, value) for round_ in rounds for point, value in round_ if value != "failed"]
    return [(point, float(value) if isinstance(value, float | int) else stand_ins[value]) for point, value in seen]


def _stand_ins(rounds: Sequence[Sequence[Observed]], direction: Direction) -> dict[str | None, float]:
    """What a diverged (None) and a pruned trial count as; {} while no value is finite.

    The median is one of the values, of two the worse.
    """
    finite = [float(value) for round_ in rounds for _, value in round_ if isinstance(value, float | int)]
    if not finite:
        return {}
    if direction == "maximize":
        return {None: min(finite), "pruned": statistics.median_low(finite)}
    return {None: max(finite), "pruned": statistics.median_high(finite)}


def _finished(point: Mapping[str, float], value: float, distributions: Distributions) -> optuna.trial.FrozenTrial:
    return optuna.trial.create_trial(params=dict(point), distributions=dict(distributions), value=value)


def _replayed(
    space: Mapping[str, Range],
    history: Sequence[Sequence[Observed]],
    size: int,
    sampler: str,
    seed: int,
    direction: Direction,
) -> list[Point]:
    """Asks for every earlier round again and tells its values, then asks for the next one."""
    distributions = {name: distribution(r) for name, r in space.items()}
    if sampler == "cma-es" and len(space) == 1:  # it needs two dimensions, and a random search would be unfair
        distributions[FILLER] = optuna.distributions.FloatDistribution(0.0, 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study = optuna.create_study(direction=direction, sampler=_stateful(sampler, seed, history))
        for r, round_ in enumerate(history):
            _tell(study, [study.ask(distributions) for _ in round_], round_, _stand_ins(history[: r + 1], direction))
        asked = [study.ask(distributions) for _ in range(size)]
    return [{name: trial.params[name] for name in space} for trial in asked]


def _stateful(name: str, seed: int, history: Sequence[Sequence[Observed]]) -> optuna.samplers.BaseSampler:
    first = optuna.samplers.RandomSampler(seed=seed % 2**32)
    if name == "qmc":
        return optuna.samplers.QMCSampler(scramble=True, seed=seed % 2**32, independent_sampler=first)
    startup = sum(value != "failed" for _, value in history[0]) if history else 1
    return optuna.samplers.CmaEsSampler(seed=seed % 2**32, n_startup_trials=max(1, startup), independent_sampler=first)


def _tell(
    study: optuna.Study,
    asked: Sequence[optuna.Trial],
    round_: Sequence[Observed],
    stand_ins: Mapping[str | None, float],
) -> None:
    for trial, (_, value) in zip(asked, round_, strict=True):
        told = value if isinstance(value, float | int) else stand_ins.get(value)
        if told is None:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            study.tell(trial, told)


def _grid(
    space: Mapping[str, Range], told: Sequence[Mapping[str, float]], size: int, trials: int, seed: int
) -> list[Point]:
    """The next points of a shuffled grid with the fewest levels a coordinate that give `trials` points.

    Coordinates with fewer values than that (choices, whole numbers) keep what they have; where the grid is smaller
    than the search, it begins again. A search that was extended goes on in a finer grid, with what is new in it.
    """
    points: list[tuple[float | int, ...]] = []
    for count in range(1, trials + 1):
        points = list(itertools.product(*(_levels(r, count) for r in space.values())))
        if len(points) >= trials:
            break
    random.Random(seed).shuffle(points)
    seen = {tuple(point[name] for name in space) for point in told}
    left = [point for point in points if point not in seen]
    again = range(len(told) + len(left), len(told) + size)
    chosen = [*left, *(points[k % len(points)] for k in again)][:size]
    return [dict(zip(space, point, strict=True)) for point in chosen]


def _levels(r: Range, count: int) -> list[float | int]:
    """The middles of `count` equal cells on the range's scale; whole numbers and choices evenly among their own."""
    if r.choices is not None:
        own: Sequence[float | int] = list(dict.fromkeys(r.choices))
        return [own[k * len(own) // count] for k in range(count)] if count < len(own) else list(own)
    assert r.low is not None and r.high is not None
    low, high = (math.log(r.low), math.log(r.high)) if r.log else (r.low, r.high)
    places = [low + (high - low) * (k + 0.5) / count for k in range(count)]
    values = [min(max(math.exp(x) if r.log else x, r.low), r.high) for x in places]
    return list(dict.fromkeys(round(v) for v in values)) if r.integer else list(dict.fromkeys(values))
