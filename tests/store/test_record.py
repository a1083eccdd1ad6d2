import optuna
import pytest
from builders import FACTS, a_study, a_worker, at_rungs, done, failed, finish, lease, pruned, run
from optuna.trial import TrialState
from sqlalchemy import update

from clr.analysis import answer
from service.store import optuna_trials, slots, studies
from service.store.record import Recorder
from service.store.schema import slots as slot_rows
from service.store.schema import studies as study_rows


def ended(database, ends=lambda granted: done(granted, 0.5 + granted.number / 1000), **spec):
    """A study whose trials end as `ends` says, recorded."""
    study, worker = a_study(database, **spec), a_worker(database)
    while granted := lease(database, worker, 8):
        finish(database, worker, *map(ends, granted))
    Recorder(database).record()
    return study


def loaded(database, name):
    return optuna.load_study(study_name=name, storage=database.url)


def answered(database, study):
    stored = studies.load(database, study)
    return answer.answer(study, stored.plan, slots.trials(database, study, curves="all"))


def test_the_best_trial_is_the_arm_ranked_first(database):
    study = ended(database)

    record, first = loaded(database, study), answered(database, study).arms[0]

    best = record.best_trial
    assert best.user_attrs["arm"] == first.arm == "triangular2"
    assert (best.value, best.params) == (first.mean, {"family": first.family, **first.params})
    assert [trial.user_attrs["rank"] for trial in record.trials] == [1, 2]
    assert record.direction.name == "MAXIMIZE"


def test_every_search_slot_is_a_trial_with_its_validation_value(database):
    study = ended(database)

    for arm in ("fixed", "triangular2"):
        recorded = loaded(database, f"{study}/search/{arm}").trials
        ours = [t for t in slots.trials(database, study, curves="all") if (t.phase, t.arm) == ("search", arm)]

        assert [(t.user_attrs["slot"], t.value, t.params) for t in recorded] == [
            (t.number, t.value, t.params) for t in ours
        ]
        (distribution,) = {t.distributions["peak_lr"] for t in recorded}
        assert (distribution.low, distribution.high, distribution.log) == (0.01, 1.0, True)


def test_every_confirmed_seed_is_a_trial_with_its_test_value_and_validation_curve(database):
    study = ended(database, lambda g: done(g, 0.5, test={"accuracy": 0.25} if g.config.test else {}))

    recorded = loaded(database, f"{study}/confirm/fixed").trials

    assert [t.value for t in recorded] == [0.25, 0.25]
    assert [t.intermediate_values for t in recorded] == [{100: 0.5}] * 2
    assert [t.user_attrs["test"] for t in recorded] == [{"accuracy": 0.25}] * 2
    seeds = [t.seed for t in slots.trials(database, study, curves="none") if (t.phase, t.arm) == ("confirm", "fixed")]
    assert [t.user_attrs["seed"] for t in recorded] == seeds


@pytest.mark.parametrize("outcome", ["diverged", "failed"])
def test_a_trial_that_came_to_nothing_is_a_fail_that_says_why(database, outcome):
    study = ended(database, lambda g: failed(g, outcome, reason="NaN") if g.number == 1 else done(g))

    (first, second) = loaded(database, f"{study}/search/fixed").trials

    assert (first.state, first.user_attrs[outcome]) == (TrialState.FAIL, "NaN")
    assert second.state is TrialState.COMPLETE


def test_a_pruned_trial_is_pruned_there_too_with_the_values_that_it_reached(database):
    """As where Optuna prunes itself: its value is the last one."""

    def ends(granted):
        if judged := [rung for rung in granted.config.rungs if rung.threshold is not None]:
            return pruned(granted, judged[0].iteration, {20: 0.3, judged[0].iteration: 0.4})
        return done(granted, 0.9, evaluations=at_rungs(granted, 0.5))

    study = ended(database, ends, trials=20, pruner="median")

    recorded = loaded(database, f"{study}/search/fixed").trials
    assert [t.state for t in recorded] == [TrialState.COMPLETE] * 10 + [TrialState.PRUNED] * 10
    assert {(t.value, *t.intermediate_values.items()) for t in recorded[10:]} == {(0.4, (20, 0.3), (25, 0.4))}
    assert recorded[10].user_attrs["pruned"] == "worse"
    assert loaded(database, study).best_trial.value == 0.9


def test_an_arm_that_ranks_below_a_worse_mean_is_not_the_best_trial(database):
    """Of the better arm one confirm run diverged: the answer ranks it below the stable one."""

    def ends(granted):
        better = granted.config.schedule["family"] == "triangular2"
        if better and granted.config.test and granted.number == 8:
            return failed(granted, "diverged")
        return done(granted, 0.9 if better else 0.5)

    study = ended(database, ends)

    record, ranked = loaded(database, study), answered(database, study).arms
    assert [arm.arm for arm in ranked] == ["fixed", "triangular2"] and ranked[1].mean > ranked[0].mean
    assert record.best_trial.user_attrs["arm"] == "fixed"
    (other,) = [trial for trial in record.trials if trial.user_attrs["arm"] == "triangular2"]
    assert (other.state, other.user_attrs["mean"]) == (TrialState.FAIL, 0.9)


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_of_equal_arms_the_one_ranked_first_is_the_best_trial(database, direction):
    worker_facts = FACTS.model_copy(update={"direction": direction, "name": "equal"})
    study, worker = (
        a_study(database, worker_facts, arms=["triangular2", "fixed", "cosine"]),
        a_worker(database, worker_facts),
    )
    while granted := lease(database, worker, 8):
        finish(database, worker, *(done(one, 0.5) for one in granted))
    Recorder(database).record()

    record, ranked = loaded(database, study), answered(database, study).arms

    assert len({arm.mean for arm in ranked}) == 1
    assert record.best_trial.user_attrs["arm"] == ranked[0].arm
    assert record.best_trial.value == 0.5 and record.direction.name == direction.upper()


def test_recording_again_adds_nothing_even_where_it_was_not_noted(database):
    study = ended(database)
    before = {s.study_name: s.n_trials for s in optuna.get_all_study_summaries(storage=database.url)}
    with database.write() as connection:  # as if the service had died between Optuna's transaction and ours
        connection.execute(update(slot_rows).values(recorded_at=None))
        connection.execute(update(study_rows).values(recorded_at=None))

    Recorder(database).record()

    after = {s.study_name: s.n_trials for s in optuna.get_all_study_summaries(storage=database.url)}
    assert (
        before
        == after
        == {
            study: 2,
            f"{study}/search/fixed": 2,
            f"{study}/search/triangular2": 2,
            f"{study}/confirm/fixed": 2,
            f"{study}/confirm/triangular2": 2,
        }
    )
    assert Recorder(database).record() == 0


def test_slots_are_recorded_while_the_study_goes_on(database):
    study, worker = a_study(database), a_worker(database)
    first, _ = lease(database, worker, 2)
    finish(database, worker, done(first))

    assert Recorder(database).record() == 1

    assert len(loaded(database, f"{study}/search/fixed").trials) == 1
    with pytest.raises(KeyError):
        loaded(database, study)


def test_a_cancelled_study_s_arms_are_recorded_without_a_value(database):
    study, worker = a_study(database), a_worker(database)
    finish(database, worker, *map(done, lease(database, worker, 8)))
    studies.cancel(database, study)

    Recorder(database).record()

    assert {trial.state for trial in loaded(database, study).trials} == {TrialState.FAIL}
    assert Recorder(database).record() == 0


def test_deleting_a_study_deletes_its_record_and_no_other(database):
    study, other = ended(database), ended(database)

    studies.delete(database, study)

    names = [summary.study_name for summary in optuna.get_all_study_summaries(storage=database.url)]
    assert sorted(names) == sorted(optuna_trials.names(other, studies.load(database, other).plan))


def test_the_thread_records_what_ends_and_stops_when_asked(database):
    recorder = Recorder(database, interval=0.01)
    recorder.start()
    study = a_study(database)
    run(database, a_worker(database))

    while studies.load(database, study).recorded_at is None:
        pass  # the test's time limit ends this where it never comes
    recorder.stop()

    assert loaded(database, study).best_trial.user_attrs["rank"] == 1
    assert not recorder._thread.is_alive()


def test_a_study_that_can_not_be_recorded_holds_up_no_other(database, caplog):
    broken, study, worker = a_study(database), a_study(database), a_worker(database)
    run(database, worker)
    with database.write() as connection:  # a curve that Optuna refuses
        connection.execute(update(slot_rows).where(slot_rows.c.study == broken).values(params={"peak_lr": "high"}))

    Recorder(database).record()

    assert studies.load(database, study).recorded_at is not None
    assert studies.load(database, broken).recorded_at is None
    assert broken in caplog.text
