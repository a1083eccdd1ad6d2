"""Answers: what is kept of them, and that keeping changes nothing."""

import pytest
from builders import a_lease, a_study, a_worker, done, failed, finish, lease, run

from clr.analysis import answer
from clr.errors import NotFound
from clr.protocol import Result
from clr.resources import Answer
from clr.results import Evaluation
from service.answers import Answers
from service.store import slots, studies
from service.store.database import Database


def from_everything(database: Database, study: str) -> Answer:
    """The answer from every evaluation that is stored."""
    stored = studies.load(database, study)
    assert stored.plan is not None
    return answer.answer(study, stored.plan, slots.trials(database, study, curves="all"), ended=True)


def with_curves(database: Database, worker: str) -> None:
    """Runs whatever can be leased, each trial with three evaluations; the first search trial diverges after two."""
    while granted := lease(database, worker, 8):
        assert set(finish(database, worker, *map(_ended, granted))) == {"accepted"}


def _ended(granted) -> Result:
    at = [granted.config.iterations * k // 3 for k in (1, 2, 3)]
    curve = tuple(Evaluation(i, {"accuracy": 0.2 + i / 200 + granted.number / 1000, "loss": 1.0}) for i in at)
    if granted.number == 1:
        return failed(granted, "diverged", evaluations=curve[:2])
    return done(granted, curve[-1].metrics["accuracy"], evaluations=curve)


@pytest.mark.parametrize("spec", [{}, {"target": 0.5}, {"target_seeds": 2}])
def test_the_answer_is_that_from_every_evaluation(database: Database, spec: dict) -> None:
    study = a_study(database, **spec)
    with_curves(database, a_worker(database))
    found = Answers(database).of(study)
    assert found == from_everything(database, study)
    assert found.status == "confirmed"
    assert [row.iterations for row in found.ledger if row.phase == "search"] == [166, 200]


def test_an_ended_studys_answer_is_computed_once(database: Database) -> None:
    study = a_study(database)
    run(database, a_worker(database))
    answers = Answers(database)
    assert answers.of(study) is answers.of(study)


def test_a_live_studys_answer_follows_every_report(database: Database) -> None:
    study, worker, answers = a_study(database), a_worker(database), Answers(database)
    before = answers.of(study)
    finish(database, worker, done(a_lease(database, worker), 0.7))
    assert [arm.search_value for arm in before.arms] == [None, None]
    assert [arm.search_value for arm in answers.of(study).arms] == [0.7, None]


def test_an_attempt_that_ends_after_the_cancellation_is_counted(database: Database) -> None:
    study, worker, answers = a_study(database), a_worker(database), Answers(database)
    granted = a_lease(database, worker)
    studies.cancel(database, study)
    before = sum(row.seconds for row in answers.of(study).ledger)
    assert finish(database, worker, done(granted, seconds=7.0)) == ["cancelled"]
    assert sum(row.seconds for row in answers.of(study).ledger) == before + 7.0


def test_the_answer_that_was_asked_for_longest_ago_gives_way(database: Database) -> None:
    first, second, third = (a_study(database, seed=seed) for seed in (1, 2, 3))
    run(database, a_worker(database))
    answers = Answers(database, kept=2)
    kept = answers.of(first), answers.of(second)
    assert answers.of(first) is kept[0]
    answers.of(third)
    assert answers.of(first) is kept[0]
    assert answers.of(second) is not kept[1]


def test_a_deleted_study_has_no_answer_though_one_was_kept(database: Database) -> None:
    study = a_study(database)
    run(database, a_worker(database))
    answers = Answers(database)
    answers.of(study)
    studies.delete(database, study)
    with pytest.raises(NotFound, match=study):
        answers.of(study)
