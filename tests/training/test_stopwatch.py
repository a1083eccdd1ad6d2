"""The pace of a trial counts neither its warm-up nor what lies between updates and evaluations."""

import pytest
from desk import a_config

from clr.protocol import TrialConfig
from clr.training.loop import train
from clr.training.stopwatch import UPDATES, WARM_UP, Stopwatch


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def timed(updates, *, first=5.0, each=0.01, evaluation=2.0, between=100.0, every=20):
    """A stopwatch that saw so many updates; the first one is slow, and so is what follows an evaluation."""
    clock = Clock()
    stopwatch = Stopwatch(clock)
    for start in range(0, updates, every):
        stopwatch.begins(start)
        for done in range(start + 1, min(updates, start + every) + 1):
            clock.now += first if done == 1 else each
            stopwatch.at(done)
        with stopwatch.evaluation():
            clock.now += evaluation
        clock.now += between
    return stopwatch.pace


def test_updates_and_evaluations_are_timed_apart_and_the_warm_up_is_not():
    pace = timed(WARM_UP + UPDATES)

    assert pace is not None
    assert pace.iteration_seconds == pytest.approx(0.01) and pace.evaluation_seconds == pytest.approx(2.0)


def test_fewer_updates_make_no_pace():
    assert timed(WARM_UP + UPDATES - 1) is None


def test_a_trial_of_the_loop_has_a_pace_once_it_was_evaluated():
    stopwatch, paced = Stopwatch(), []
    for _ in train(TrialConfig(**a_config(iterations=96, evaluate_every=96)), stopwatch=stopwatch):
        paced.append(stopwatch.pace is not None)

    assert paced[0] and 0 < stopwatch.pace.iteration_seconds < 1 and stopwatch.pace.evaluation_seconds > 0
