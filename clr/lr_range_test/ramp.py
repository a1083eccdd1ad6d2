"""Trains one seed along a ramp of rates."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer

from clr.analysis import ramp
from clr.analysis.crossings import Floats
from clr.lr_range_test.measure import Judge, Trainee
from clr.lr_range_test.untouched import Rates

EXPLODED = 1e4
"""A loss above EXPLODED x max(first loss, 1) ends a seed, though it is finite."""


@dataclass(frozen=True)
class Progress:
    """One evaluation was made.

    Attributes:
        ramp: 1 for the first, more for its reruns. seed: which seed trains.
        iteration: updates done of `iterations`. rate: of the last of them.
        score: the metric as it is read. loss: mean training loss since the evaluation before.
    """

    ramp: int
    seed: int
    iteration: int
    iterations: int
    rate: float
    score: float
    loss: float


@dataclass
class Curve:
    """One seed's values, evaluation by evaluation; shorter than planned where it stopped or failed.

    Attributes:
        metrics: as measured. scores: as read. losses: mean training loss since the evaluation before.
    """

    metrics: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)


def run(
    trainee: Trainee,
    judge: Judge,
    optimizer: Optimizer,
    batches: Iterator[Any],
    rates: Floats,
    every: int,
    say: Callable[[int, float, float], None],
) -> Curve:
    """Trains at rates[i] in update i, evaluates after every `every` updates, and stops where the curve has fallen.

    A loss that is not finite or has exploded ends it too, as does a metric that is not finite.

    Args:
        say: called after each evaluation with (updates done, score, loss).
    """
    curve, group_rates, first_loss = Curve(), Rates(optimizer), math.nan
    planned = len(rates) // every
    for evaluation in range(planned):
        window = rates[evaluation * every : (evaluation + 1) * every].tolist()
        losses = _updates(trainee, optimizer, batches, window, group_rates)
        first_loss = losses[0] if evaluation == 0 else first_loss
        if not all(loss <= EXPLODED * max(first_loss, 1.0) for loss in losses):  # NaN is not
            break
        metric = judge()
        if not math.isfinite(metric):
            break
        curve.metrics.append(metric)
        curve.scores.append(judge.score(metric, curve.metrics[0]))
        curve.losses.append(float(np.mean(losses)))
        say((evaluation + 1) * every, curve.scores[-1], curve.losses[-1])
        if ramp.has_fallen(curve.scores, planned):
            break
    return curve


def _updates(
    trainee: Trainee, optimizer: Optimizer, batches: Iterator[Any], window: Sequence[float], rates: Rates
) -> list[float]:
    """One update per rate; their losses, read from the device together."""
    losses: list[Tensor] = []
    for rate in window:
        rates.set(rate)
        batch = next(batches)
        optimizer.zero_grad(set_to_none=True)
        loss = trainee.loss_of(batch)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.detach())
    return [float(loss) for loss in torch.stack(losses).cpu().double()]
