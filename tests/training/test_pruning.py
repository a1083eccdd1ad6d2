"""Rungs in the plain loop: where a trial ends early, and that it changes nothing where it does not."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from clr.protocol import Rung
from clr.results import Evaluated, Finished, Pruned, Saved
from clr.training.loop import train


def rungs(*pairs: tuple[int, float | None]) -> tuple[Rung, ...]:
    return tuple(Rung(iteration=iteration, threshold=threshold) for iteration, threshold in pairs)


def accuracies(events) -> dict[int, float]:
    found = [event.evaluation for event in events if isinstance(event, Evaluated)]
    return {evaluation.iteration: evaluation.metrics["accuracy"] for evaluation in found}


@pytest.fixture(scope="module")
def unpruned(config):
    return list(train(config()))


def test_a_trial_is_evaluated_at_its_rungs_too_and_comes_out_the_same(config, unpruned) -> None:
    events = list(train(config(rungs=rungs((7, None), (20, 0.0), (33, 0.0)))))

    assert list(accuracies(events)) == [7, 20, 33, 40, 60]
    assert accuracies(events).items() >= accuracies(unpruned).items()
    assert events[-1] == unpruned[-1]


def test_dropout_goes_on_the_same_after_a_rung(config, with_dropout) -> None:
    trial = config(batch_size=5, iterations=20)

    *_, whole = train(trial, task=with_dropout)
    *_, judged = train(trial.model_copy(update={"rungs": rungs((3, 0.0), (11, None))}), task=with_dropout)

    assert judged == whole


def test_a_trial_that_is_worse_at_a_rung_ends_exactly_there(config, unpruned) -> None:
    *evaluated, end = train(config(rungs=rungs((20, 0.0), (40, 1.0), (50, 1.0))))

    value = accuracies(unpruned)[40]
    assert end == Pruned(40, value) and value < 1.0
    assert list(accuracies(evaluated)) == [20, 40], "the rung's own value is told first"


def test_a_trial_as_good_as_the_threshold_goes_on(config, unpruned) -> None:
    reached = accuracies(unpruned)[40]

    *_, end = train(config(rungs=rungs((40, reached))))

    assert isinstance(end, Finished)


def test_where_less_is_better_more_is_worse(config, unpruned, tiny_images) -> None:
    class Upside(type(tiny_images)):  # type: ignore[misc]
        direction = "minimize"

    trial, task = config(iterations=4, evaluate_every=2, batch_size=5), Upside()
    (first, *_) = train(trial, task=task)
    value = first.evaluation.metrics[task.metric]

    ends = [
        list(train(trial.model_copy(update={"rungs": rungs((2, t))}), task=task))[-1] for t in (value - 0.01, value)
    ]

    assert ends[0] == Pruned(2, value)
    assert isinstance(ends[1], Finished)


@pytest.mark.parametrize("at", [20, 30])
def test_a_resumed_trial_is_pruned_at_the_same_rung_with_the_same_value(config, store, at) -> None:
    trial = config(evaluate_every=10, rungs=rungs((20, 0.0), (40, 1.0)))
    unbroken = list(train(trial, checkpoints=store, checkpoint_key="slot-1/f000001", checkpoint_seconds=0))
    saved = {event.checkpoint.iteration: event.checkpoint for event in unbroken if isinstance(event, Saved)}

    resumed = list(
        train(trial, checkpoints=store, checkpoint_key="slot-1/f000002", checkpoint_seconds=0, resume=saved[at])
    )

    assert isinstance(unbroken[-1], Pruned) and resumed[-1] == unbroken[-1]
    assert max(saved) == 30, "a pruned state is saved for nobody"
    assert accuracies(resumed) == {i: v for i, v in accuracies(unbroken).items() if i > at}


@pytest.mark.parametrize("places", [(20, 20), (30, 20), (60,), (70,)])
def test_rungs_that_fall_or_lie_beyond_the_run_are_refused(config, places) -> None:
    with pytest.raises(ValidationError, match="rungs must rise and lie before the last iteration"):
        config(rungs=rungs(*((place, 0.5) for place in places)))


@pytest.mark.parametrize("phase", ["range-test", "confirm"])
def test_only_a_search_trial_has_rungs(config, phase) -> None:
    with pytest.raises(ValidationError, match=f"a {phase} trial has no rungs"):
        config(phase=phase, rungs=rungs((20, 0.5)))
