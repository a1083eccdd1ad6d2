from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from clr.protocol import Holding, Report, Result
from clr.results import Checkpoint, Evaluation
from worker.spool import CHUNK, GiveBack, Renew, Spool

HOLDING = Holding(slot=7, fence=3)
DONE = Result(slot=7, fence=3, outcome="done", iteration=100, value=0.5)


def a_spool(**changes: float) -> Spool:
    return Spool(HOLDING, **({"beat_seconds": 10.0, "report_seconds": 1.0, "now": 100.0} | changes))


def an_evaluation(iteration: int) -> Evaluation:
    return Evaluation(iteration, {"accuracy": 0.5})


def a_checkpoint(iteration: int) -> Checkpoint:
    return Checkpoint(iteration, f"slot-7/f000003/i{iteration}.safetensors", "0" * 64)


def test_without_news_the_lease_is_renewed_every_beat() -> None:
    spool = a_spool()

    assert spool.due_at == 110.0
    assert spool.parcel() == Renew(HOLDING)
    spool.told(Renew(HOLDING), now=111.0)
    assert spool.due_at == 121.0


def test_news_waits_for_the_reporting_pause() -> None:
    spool = a_spool()
    spool.evaluated(an_evaluation(1))

    assert spool.due_at == 101.0


def test_news_never_waits_longer_than_a_beat() -> None:
    spool = a_spool(beat_seconds=0.3)
    spool.evaluated(an_evaluation(1))

    assert spool.due_at == 100.3


def test_a_checkpoint_is_told_at_once() -> None:
    spool = a_spool()
    spool.saved(a_checkpoint(1))

    assert spool.due_at <= 100.0


def test_the_end_is_told_at_once() -> None:
    spool = a_spool()
    spool.end(DONE)

    assert spool.due_at <= 100.0


def test_what_is_not_taken_is_told_again() -> None:
    spool = a_spool()
    spool.evaluated(an_evaluation(1))

    assert spool.parcel() == spool.parcel()


def test_what_comes_while_a_report_is_under_way_is_told_next() -> None:
    spool = a_spool()
    spool.evaluated(an_evaluation(1))
    spool.saved(a_checkpoint(1))
    report = spool.parcel()
    spool.evaluated(an_evaluation(2))
    spool.saved(a_checkpoint(2))

    spool.told(report, now=101.0)

    following = spool.parcel()
    assert isinstance(following, Report)
    assert following.evaluations == (an_evaluation(2),)
    assert following.checkpoint == a_checkpoint(2)


def test_a_result_takes_along_what_is_not_told_yet() -> None:
    spool = a_spool()
    spool.evaluated(an_evaluation(99))
    spool.end(DONE)

    assert spool.parcel() == DONE.model_copy(update={"evaluations": (an_evaluation(99),)})


def test_the_checkpoint_of_a_crash_is_told_before_it() -> None:
    spool = a_spool()
    spool.saved(a_checkpoint(50))
    crash = Result(slot=7, fence=3, outcome="crashed")
    spool.end(crash)

    report = spool.parcel()

    assert isinstance(report, Report)
    assert report.checkpoint == a_checkpoint(50)
    spool.told(report, now=101.0)
    assert spool.parcel() == crash


def test_a_slot_is_given_back_after_its_checkpoint_is_told() -> None:
    spool = a_spool()
    spool.saved(a_checkpoint(50))
    spool.end(GiveBack(HOLDING, "stops"))

    report = spool.parcel()

    assert isinstance(report, Report)
    spool.told(report, now=101.0)
    assert spool.parcel() == GiveBack(HOLDING, "stops")


@given(st.lists(st.sampled_from(["evaluated", "saved", "answered", "lost"]), max_size=60), st.integers(0, 3 * CHUNK))
def test_every_evaluation_is_told_once_in_order_and_the_result_last(steps: list[str], offline: int) -> None:
    spool, told, made = a_spool(), [], 0

    def deliver() -> object:
        parcel = spool.parcel()
        if isinstance(parcel, Report | Result):
            assert len(parcel.evaluations) <= CHUNK
            told.extend(evaluation.iteration for evaluation in parcel.evaluations)
        spool.told(parcel, now=0.0)
        return parcel

    for step in [*steps, *["evaluated"] * offline]:
        if step == "evaluated":
            made += 1
            spool.evaluated(an_evaluation(made))
        elif step == "saved":
            spool.saved(a_checkpoint(made))
        elif step == "answered":
            deliver()
        else:
            spool.parcel()  # sent, not answered
    spool.end(DONE)
    while not isinstance(deliver(), Result):
        pass

    assert told == list(range(1, made + 1))
