"""An arm's earlier rounds -> the next round's parameters, through Optuna in memory: pure.

A round depends on the arm's earlier rounds and nothing else, so a study gives the same parameters on one worker or
fifty, in any order, after any crash. Every arm's sampler starts from the same seed: permuting or renaming arms changes
nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import optuna

from clr.protocol import Direction
from clr.spec import Range

# A study in memory per round is no news to anybody.
optuna.logging.set_verbosity(optuna.logging.WARNING)

Point = dict[str, float | int]
Observed = tuple[Mapping[str, float], float | None]
"""A point and its validation value; None where the run diverged."""


def suggest(
    space: Mapping[str, Range],
    history: Sequence[Sequence[Observed]],
    size: int,
    *,
    sampler: str,
    seed: int,
    direction: Direction,
) -> list[Point]:
    """The next round of an arm.

    Args:
        space: what is searched. history: the arm's earlier rounds, each with its points in order.
        size: points asked for. sampler: "tpe" or "random". seed: of the study's samplers.
        direction: "maximize" or "minimize" the validation value.

    A diverged run counts as the worst finite value of its arm; runs that failed are not in the history.
    """
    if not space:
        return [{} for _ in range(size)]
    distributions = {name: distribution(r) for name, r in space.items()}
    study = optuna.create_study(direction=direction, sampler=_sampler(sampler, seed, len(history)))
    study.add_trials(_finished([point for round_ in history for point in round_], distributions, direction))
    return [dict(study.ask(distributions).params) for _ in range(size)]


def distribution(r: Range) -> optuna.distributions.BaseDistribution:
    if r.choices is not None:
        return optuna.distributions.CategoricalDistribution(list(r.choices))
    assert r.low is not None and r.high is not None
    if r.integer:
        return optuna.distributions.IntDistribution(int(r.low), int(r.high), log=r.log)
    return optuna.distributions.FloatDistribution(r.low, r.high, log=r.log)


def _sampler(name: str, seed: int, round_: int) -> optuna.samplers.BaseSampler:
    round_seed = (seed + 1_000_003 * round_) % 2**32
    if name == "random" or round_ == 0:
        return optuna.samplers.RandomSampler(seed=round_seed)
    # The points of one round do not see each other's values: the constant liar keeps them apart.
    return optuna.samplers.TPESampler(seed=round_seed, n_startup_trials=1, multivariate=True, constant_liar=True)


def _finished(
    points: Sequence[Observed], distributions: Mapping[str, optuna.distributions.BaseDistribution], direction: Direction
) -> list[optuna.trial.FrozenTrial]:
    finite = [value for _, value in points if value is not None]
    if not finite:
        return []
    worst = min(finite) if direction == "maximize" else max(finite)
    return [
        optuna.trial.create_trial(
            params=dict(params), distributions=dict(distributions), value=worst if value is None else value
        )
        for params, value in points
    ]
