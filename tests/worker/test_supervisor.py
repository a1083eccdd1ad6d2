from __future__ import annotations

from clr.results import Evaluation
from worker import messages
from worker.supervisor import Limits, Quiet

LIMITS = Limits(hang=60.0, start=600.0)


def an_evaluation(iteration: int) -> messages.Evaluated:
    return messages.Evaluated(evaluation=Evaluation(iteration, {"accuracy": 0.5}))


def test_before_its_first_evaluation_a_trial_may_load_for_long() -> None:
    quiet = Quiet(LIMITS, seconds=599.0)

    assert not quiet.too_long


def test_after_an_evaluation_silence_is_bounded() -> None:
    quiet = Quiet(LIMITS)
    quiet.heard(an_evaluation(1), now=0.0)
    quiet.seconds = 60.0

    assert quiet.too_long


def test_slow_evaluations_allow_twenty_times_their_pause() -> None:
    quiet = Quiet(LIMITS)
    for number in range(4):
        quiet.heard(an_evaluation(number + 1), now=100.0 * number)
    quiet.seconds = 1999.0

    assert not quiet.too_long
    quiet.seconds = 2000.0
    assert quiet.too_long


def test_a_sign_of_life_ends_the_silence() -> None:
    quiet = Quiet(LIMITS)
    quiet.heard(an_evaluation(1), now=0.0)
    quiet.seconds = 59.0

    quiet.heard(messages.Alive(), now=59.0)

    assert quiet.seconds == 0.0
