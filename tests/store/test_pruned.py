"""Pruned slots in the store: an outcome of its own, thresholds from stored curves, confirm left alone."""

import pytest
from builders import a_study, a_worker, at_rungs, done, finish, lease, pruned
from sqlalchemy import Engine, event, select

from service.store import rounds, slots, studies
from service.store.schema import attempts, events
from service.store.schema import slots as slot_rows

SPEC = {"trials": 20, "pruner": "median", "arms": ["fixed", "cosine"]}


def values(granted):
    """The k-th trial of a round measures 0.1 k at each of its rungs."""
    return {one.slot: 0.1 * (k // 2) for k, one in enumerate(sorted(granted, key=lambda one: one.number))}


@pytest.fixture
def second_round(database):
    """A study whose first round of ten has ended, its worker, and the leases of the second round."""
    study, worker = a_study(database, **SPEC), a_worker(database)
    first = lease(database, worker, 20)
    measured = values(first)
    replies = finish(
        database, worker, *(done(one, 0.9, evaluations=at_rungs(one, measured[one.slot])) for one in first)
    )
    assert set(replies) == {"accepted"} and all(rung.threshold is None for one in first for rung in one.config.rungs)
    return study, worker, lease(database, worker, 8)


def test_thresholds_are_the_medians_of_the_curves_that_are_stored(second_round):
    _, _, granted = second_round

    by_family = {one.config.schedule["family"]: one.config.rungs for one in granted}

    assert [(r.iteration, r.threshold) for r in by_family["fixed"]] == [(i, pytest.approx(0.45)) for i in (25, 50, 75)]
    assert [(r.iteration, r.threshold) for r in by_family["cosine"]] == [(i, pytest.approx(0.45)) for i in (50, 75)]


def test_a_pruned_slot_is_an_outcome_of_its_own(database, second_round):
    study, worker, (first, *_) = second_round

    assert finish(database, worker, pruned(first, 50, {25: 0.5, 50: 0.2})) == ["accepted"]

    (trial,) = [t for t in slots.trials(database, study, curves="all") if t.number == first.number]
    assert (trial.outcome, trial.value, trial.reason) == ("pruned", None, "worse")
    assert [e.iteration for e in trial.curve] == [25, 50]
    seen = slots.get(database, study, first.number)
    assert (seen.state, seen.attempts[0].how) == ("pruned", "pruned")
    assert studies.get(database, study).slots.pruned == 1
    with database.read() as connection:
        kinds = connection.scalars(select(events.c.kind).where(events.c.slot == first.slot)).all()
        how = connection.scalar(select(attempts.c.how).where(attempts.c.slot == first.slot))
    assert kinds == ["opened", "leased", "pruned"] and how == "pruned"


def test_the_same_pruning_again_is_accepted_and_another_one_is_a_conflict(database, second_round):
    study, worker, (first, *_) = second_round
    told = pruned(first, 50, {50: 0.2})

    assert finish(database, worker, told, told) == ["accepted", "accepted"]
    assert finish(database, worker, pruned(first, 50, {50: 0.3})) == ["conflict"]
    assert finish(database, worker, done(first)) == ["conflict"]
    assert slots.get(database, study, first.number).state == "pruned"


@pytest.mark.parametrize("iteration", [24, 99, 100])
def test_a_trial_pruned_where_it_has_no_rung_is_a_conflict_and_changes_nothing(database, second_round, iteration):
    study, worker, (first, *_) = second_round

    assert finish(database, worker, pruned(first, iteration, {iteration: 0.0})) == ["conflict"]
    assert slots.get(database, study, first.number).state == "running"


def test_confirm_and_range_test_have_no_rungs_and_can_t_be_pruned(database):
    study, worker, phases = a_study(database, **{**SPEC, "bounds": "range-test"}), a_worker(database), set()
    while granted := lease(database, worker, 8):
        phases |= {(one.config.phase, bool(one.config.rungs)) for one in granted}
        for one in granted:
            if one.config.phase != "search":
                assert finish(database, worker, pruned(one, 50, {50: 0.0})) == ["conflict"]
        finish(database, worker, *(done(one, evaluations=at_rungs(one, 0.5)) for one in granted))

    assert phases == {("range-test", False), ("search", True), ("confirm", False)}
    assert studies.get(database, study).state == "done"


def test_a_round_that_ends_with_a_pruned_slot_opens_the_next_one(database, second_round):
    study, worker, granted = second_round

    finish(database, worker, *(pruned(one, 50, {50: 0.0}) for one in granted))

    third = lease(database, worker, 8)
    assert {(one.config.phase, len(one.config.rungs) > 0) for one in third} == {("search", True)}
    opened = [t for t in slots.trials(database, study, curves="none") if t.round == 2]
    assert len(opened) == 8


def test_whoever_opens_a_round_again_writes_the_same_rungs(database, second_round):
    study, _, granted = second_round
    with database.write() as connection:
        stored = dict(connection.execute(select(slot_rows.c.number, slot_rows.c.config)).all())
        of_round = slot_rows.c.study == study, slot_rows.c.round == 1
        ids = connection.scalars(select(slot_rows.c.id).where(*of_round)).all()
        connection.execute(attempts.delete().where(attempts.c.slot.in_(ids)))
        connection.execute(slot_rows.delete().where(*of_round))

    assert rounds.open(database, study) == len(granted) == 8

    with database.read() as connection:
        assert dict(connection.execute(select(slot_rows.c.number, slot_rows.c.config)).all()) == stored


@pytest.fixture
def asked(database):
    """What the database is asked from now on, with its parameters."""
    statements: list[str] = []

    def note(connection, cursor, statement, parameters, *_):
        statements.append(f"{' '.join(statement.split())} {parameters}")

    event.listen(Engine, "before_cursor_execute", note)
    yield statements
    event.remove(Engine, "before_cursor_execute", note)


@pytest.mark.parametrize(("pruner", "phases"), [("none", {"range-test"}), ("median", {"range-test", "search"})])
def test_the_curves_of_a_search_are_read_only_where_it_is_pruned(database, asked, pruner, phases):
    study, worker = a_study(database, **{**SPEC, "pruner": pruner}), a_worker(database)
    granted = lease(database, worker, 20)
    finish(database, worker, *(done(one) for one in granted[1:]))
    asked.clear()

    finish(database, worker, done(granted[0]))

    (curves,) = [s for s in asked if s.startswith("SELECT") and "FROM clr_evaluations JOIN clr_slots" in s]
    assert {phase for phase in ("range-test", "search", "confirm") if f"'{phase}'" in curves} == phases
    assert any(t.round == 1 for t in slots.trials(database, study, curves="none")), "it was read for a round"
