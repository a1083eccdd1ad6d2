"""The LR range test on one's own torch model, in one's own script (torch and NumPy only)."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from clr.analysis import bounds
from clr.analysis import ramp as ramps
from clr.analysis.bounds import Ramp, Reading
from clr.analysis.crossings import Floats
from clr.errors import InvalidNumbers, InvalidRangeTest, MissingExtra

try:
    from torch import nn
    from torch.nn.parameter import UninitializedParameter
    from torch.optim import Optimizer
except ImportError:
    raise MissingExtra("torch", "train") from None

from clr.lr_range_test import settings as options
from clr.lr_range_test.feed import Batches, Feed
from clr.lr_range_test.measure import Direction, Forward, Judge, Loss, Metric, Trainee
from clr.lr_range_test.ramp import Curve, Progress, run
from clr.lr_range_test.reset import Reset
from clr.lr_range_test.reset import reset as give_weights
from clr.lr_range_test.result import EarlierRamp, RangeTest
from clr.lr_range_test.settings import Settings
from clr.lr_range_test.untouched import Untouched, factors

__all__ = ["Progress", "RangeTest", "range_test"]

VALIDATION_EXAMPLES = 1000
"""Examples per evaluation: standard deviation 1.6 points at accuracy 0.5."""


def range_test(
    model: nn.Module,
    batches: Batches,
    optimizer: Optimizer,
    loss: Loss,
    *,
    validation: Batches | None = None,
    metric: Metric = None,
    direction: Direction = "maximize",
    evaluate: Callable[[nn.Module], float] | None = None,
    forward: Forward | None = None,
    ramp: Ramp = "exponential",
    low: float | None = None,
    high: float | None = None,
    iterations: int | None = None,
    evaluations: int = options.EVALUATIONS,
    seeds: int | Sequence[int] = 3,
    reset: Reset = None,
    rerun: bool = True,
    progress: Callable[[Progress], object] | None = None,
) -> RangeTest:
    """Finds base_lr and max_lr for a model: trains it along a ramp of rates, on several seeds, and reads the curves.

        rate(i) = low (high / low)^(i / (iterations - 1)),   max_lr = edge / 2,   base_lr = max_lr / 4

    where the edge is the rate at which the validation metric falls. Where model, optimizer and random state were, they
    are again when it returns, raises or is interrupted, bit for bit: weights, buffers, modes, gradients, the
    optimizer's state and rates, Python's, NumPy's and torch's generators (CPU and CUDA). A schedule is never stepped.
    Each ramp begins at the weights, and at a copy of the optimizer's state, that were given. Hooks before a step (a
    gradient clip) run; hooks after a step (averages, schedules) rest.

    Where no fall or no rise lies within the ramp, it is run again with high x 10 (at most twice) or low / 100 (once).

    Args:
        model: in training mode, or it is put into it; parts that are in evaluation mode then stay so.
        batches: pairs (inputs, targets), or what `forward` takes. A DataLoader, a list, or a function that returns a
            new iterator: they are read in many passes, so an iterator is refused. A list is read in an order drawn by
            the seed; a loader and a function draw theirs from the global generators, which are seeded.
        optimizer: of the model's parameters. Its groups keep their ratios: a group's factor is its `lr_mult` where any
            has one, else its rate divided by the first group's; rates in the result are those of factor 1.
            One whose step needs a closure (LBFGS) is refused.
        loss: (outputs, targets) -> a scalar to descend on.
        validation: examples that are not trained on and not the test split; 1,000 of them are drawn once, and are the
            same at each evaluation of each seed. None takes training examples, and says so.
        metric: "accuracy", "loss" (minimised), or (outputs, targets) -> a batch's mean, as a fraction. None: accuracy
            where the targets are class indices, else the loss.
        direction: of a metric of your own: "maximize" or "minimize".
        evaluate: model -> metric, in place of `validation` and `metric`.
        forward: (model, batch) -> (outputs, targets), where a batch is no pair.
        ramp: "exponential"; "linear", from 0 to high with accuracy, is the paper's figure: it seldom shows the rise.
        low, high: ends of the ramp. Default 1e-5 to 10; for optimizers that normalise (Adam's kind) 1e-6 to 1.
        iterations: length of a ramp [iterations], int >= 300. Default: 1,000, or 4 passes if that is more, at most
            3,000. The rise depends on it, the edge little.
        evaluations: per ramp, equally spaced, >= 50 (linear: >= 100).
        seeds: how many, or which. Fewer than 3 are never clear.
        reset: what a seed's fresh weights are. (model, seed) writes them into the model, e.g.
            lambda model, seed: model.load_state_dict(make_model().state_dict()) (the global generators are seeded);
            True calls every layer's own reset_parameters. None: every seed begins at the weights as they are, which is
            right for fine-tuning; the seeds then differ in batch order alone, and agree on the rise better than
            fresh weights do.
        rerun: whether a ramp that was too short is run again. Linear ramps are not.
        progress: called after each evaluation; what it raises ends the test.

    Raises:
        InvalidRangeTest: it can't be run as asked, e.g. batches are an iterator.

    Example:
        >>> import torch
        >>> _ = torch.manual_seed(0)
        >>> inputs = torch.randn(600, 2)
        >>> targets = (inputs.prod(dim=1) > 0).long()
        >>> pairs = list(zip(inputs.split(50), targets.split(50)))
        >>> model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2))
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        >>> found = range_test(model, pairs[:8], optimizer, nn.functional.cross_entropy, validation=pairs[8:],
        ...                    iterations=300, evaluations=50, reset=True)
        >>> found.bounds() == (found.base_lr, found.max_lr), found.edge > found.max_lr > found.base_lr
        (True, True)

    Source: Smith 2017 (arXiv 1506.01186), section 3.3, read as `clr.analysis.bounds` does; docs/range-test.md.
    """
    feed, held = Feed("batches", batches), None if validation is None else Feed("validation", validation)
    asked = options.make(
        optimizer, feed.length(), ramp=ramp, low=low, high=high, iterations=iterations, evaluations=evaluations,
        seeds=seeds,
    )  # fmt: skip
    _check(model, optimizer)
    generators = [*feed.generators(), *(held.generators() if held is not None else [])]
    untouched = Untouched([model, loss] if isinstance(loss, nn.Module) else [model], optimizer, generators)
    trainee = Trainee(model, loss, forward)
    notes = list(_notes(optimizer, feed, held is None and evaluate is None, reset, iterations))
    with untouched.during():
        untouched.begin(asked.seeds[0])
        sample = [] if evaluate is not None else (held or feed).sample(VALIDATION_EXAMPLES)
        judge = Judge(trainee, sample, evaluate, metric, direction)
        return _Test(trainee, judge, feed, untouched, reset, progress, notes).result(asked, rerun)


class _Test:
    """A range test that is running."""

    def __init__(
        self,
        trainee: Trainee,
        judge: Judge,
        feed: Feed,
        untouched: Untouched,
        how_reset: Reset,
        progress: Callable[[Progress], object] | None,
        notes: list[str],
    ) -> None:
        self._trainee, self._judge, self._feed, self._untouched = trainee, judge, feed, untouched
        self._reset, self._progress, self._notes = how_reset, progress, notes

    def result(self, settings: Settings, rerun: bool) -> RangeTest:
        """Ramp after ramp, until one is long enough."""
        earlier: list[EarlierRamp] = []
        while True:
            low, high = settings.low, settings.high
            found = self._ramp(settings, tuple(earlier))
            due = (
                bounds.next_ramp(found.reading, low, high, len(earlier))
                if rerun and settings.ramp != "linear"
                else None
            )
            if due is None:
                return found
            earlier.append(EarlierRamp(low, high, found.reading))
            settings = replace(settings, low=due[0], high=due[1])

    def _ramp(self, settings: Settings, earlier: tuple[EarlierRamp, ...]) -> RangeTest:
        """Every seed along one ramp, and the reading."""
        rates = ramps.rates(settings.ramp, settings.low, settings.high, settings.iterations)
        curves = {seed: self._seed(settings, rates, seed, len(earlier) + 1) for seed in settings.seeds}
        kept, notes = _distinct(curves)
        planned = settings.iterations // settings.every
        scores = _rows([curves[seed].scores for seed in kept], planned)
        shown = rates[settings.every - 1 :: settings.every]
        return RangeTest(
            reading=_read(shown, scores, settings),
            low=settings.low,
            high=settings.high,
            rates=shown,
            seeds=kept,
            scores=scores,
            losses=_rows([curves[seed].losses for seed in kept], planned),
            metric=self._judge.label,
            notes=(*self._notes, *notes),
            earlier=earlier,
        )

    def _seed(self, settings: Settings, rates: Floats, seed: int, number: int) -> Curve:
        def say(iteration: int, score: float, loss: float) -> None:
            if self._progress is not None:
                rate = float(rates[iteration - 1])
                self._progress(Progress(number, seed, iteration, settings.iterations, rate, score, loss))

        model, optimizer = self._trainee.model, self._untouched.optimizer
        self._untouched.begin(seed)
        give_weights(self._reset, model, seed)
        self._untouched.seed(seed)  # so that what the weights drew does not move the batches
        if not model.training:
            model.train()
        return run(self._trainee, self._judge, optimizer, self._feed.endless(seed), rates, settings.every, say)


def _read(rates: Floats, scores: Floats, settings: Settings) -> Reading:
    try:
        return bounds.read(rates, scores, ramp=settings.ramp, iterations=settings.iterations)
    except InvalidNumbers as error:
        raise InvalidRangeTest(
            "low", f"must be a rate that the model can be trained at: every seed failed at the ramp's start ({error})",
            settings.low,
        ) from error  # fmt: skip


def _rows(curves: Sequence[Sequence[float]], planned: int) -> Floats:
    """[seeds, planned], NaN after a curve's end."""
    rows = np.full((len(curves), planned), np.nan)
    for row, curve in zip(rows, curves, strict=True):
        row[: len(curve)] = curve
    return rows


def _distinct(curves: dict[int, Curve]) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Seeds whose curves differ, and what to say of the others: the same run twice is no second seed."""
    kept: list[int] = []
    for seed, curve in curves.items():
        if all((curve.scores, curve.losses) != (curves[k].scores, curves[k].losses) for k in kept):
            kept.append(seed)
    if len(kept) == len(curves):
        return tuple(kept), ()
    note = (
        f"{len(curves)} seeds gave {len(kept)} different curves, and count as {len(kept)}: nothing depends on the "
        "seed. Shuffle the batches, or pass reset=... for fresh weights."
    )
    return tuple(kept), (note,)


def _check(model: nn.Module, optimizer: Optimizer) -> None:
    parameters = {id(parameter) for parameter in model.parameters()}
    if any(isinstance(parameter, UninitializedParameter) for parameter in model.parameters()):
        raise InvalidRangeTest(
            "model", "must know its shapes: run one batch through its lazy layers first", type(model).__name__
        )
    if not any(id(parameter) in parameters for group in optimizer.param_groups for parameter in group["params"]):
        raise InvalidRangeTest("optimizer", "must hold parameters of the model", type(optimizer).__name__)
    if _needs_closure(optimizer):
        raise InvalidRangeTest(
            "optimizer", "must step without a closure: take SGD, Adam or their like", type(optimizer).__name__
        )


def _needs_closure(optimizer: Optimizer) -> bool:
    """Whether `step()` evaluates the loss itself, several times an update, as LBFGS does: a ramp has no place there."""
    closure = inspect.signature(optimizer.step).parameters.get("closure")
    return closure is not None and closure.default is inspect.Parameter.empty


def _notes(
    optimizer: Optimizer, feed: Feed, on_training_data: bool, how_reset: Reset, iterations: int | None
) -> Iterator[str]:
    """What the numbers alone don't tell."""
    if how_reset is None:
        yield (
            "every seed began at the weights that the model has, and differs in batch order alone: right for "
            "fine-tuning; for training from scratch the rise looks surer than it is, and reset=... gives fresh weights"
        )
    if on_training_data:
        yield "no validation was given: the metric is measured on training examples"
    if set(found := factors(optimizer)) != {1.0}:
        ratios = ", ".join(f"{factor:g}" for factor in found)
        yield f"the parameter groups trained at {ratios} times these rates: their own ratios"
    if iterations is None and feed.length() is None:
        yield f"the number of batches in a pass is not known, so a ramp has {options.ITERATIONS:,} iterations"
    if how_reset is not None and _has_trained(optimizer):
        yield "the optimizer has state from earlier updates, and each seed began with a copy: give a fresh one"


def _has_trained(optimizer: Optimizer) -> bool:
    return any(
        float(state.get("step", 1)) > 0 for state in optimizer.state.values() if isinstance(state, dict) and state
    )
