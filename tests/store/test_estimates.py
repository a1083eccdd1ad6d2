"""Device time is estimated from measured paces; who outgrows it is paused and told why (peers.md 30: hard caps)."""

import pytest
from builders import FACTS, a_lease, a_study, a_worker, done, finish, lease, report
from sqlalchemy import update

from clr.errors import InvalidSpec
from clr.plan import Plan, cost, make
from clr.protocol import Pace, Report
from clr.spec import parse
from service.store import estimates, paces, pauses, reports, studies
from service.store.estimates import accepted, hold
from service.store.schema import workers


def plan_of(database, study):
    stored = studies.load(database, study)
    assert isinstance(stored.plan, Plan)
    return stored.plan


def measure(database, worker, granted, iteration, evaluation=0.0):
    """A pace is reported, and looked at as the service does."""
    pace = Pace(iteration_seconds=iteration, evaluation_seconds=evaluation)
    told = Report(slot=granted.slot, fence=granted.fence, pace=pace)
    batch = reports.Reports(worker=worker, reports=(told,))
    _, paced = reports.report(database, batch, 60.0)
    hold(database, paced)


def shown(database, study):
    found = studies.get(database, study)
    return found.state, found.paused, found.estimated_seconds


def test_the_first_pace_gives_a_study_its_estimate(database):
    study, worker = a_study(database), a_worker(database)
    assert shown(database, study) == ("queued", "", None)

    measure(database, worker, a_lease(database, worker), 0.5, 2.0)

    plan = plan_of(database, study)
    expected = cost.seconds(plan, Pace(iteration_seconds=0.5, evaluation_seconds=2.0))
    assert shown(database, study) == ("running", "", pytest.approx(expected))
    assert estimates.of_plan(database, plan).seconds == pytest.approx(expected), "known for the next one, too"


def test_a_study_that_turns_out_too_long_is_paused_with_what_to_do(database):
    study, worker = a_study(database, max_device_hours=0.1), a_worker(database)
    granted = a_lease(database, worker)

    measure(database, worker, granted, 1.0)

    state, why, estimated = shown(database, study)
    assert state == "paused" and estimated == pytest.approx(800.0)
    assert "about 0.222 device hours" in why and "may take 0.1 device hours" in why and "on cpu" in why
    assert f"clr resume {study} --max-device-hours 0.27" in why
    with pytest.raises(InvalidSpec, match="/max_device_hours"):
        accepted(database, study, None)
    pauses.resume(database, study, max_seconds=972, estimated_seconds=accepted(database, study, 972.0))
    assert shown(database, study)[0] == "running"


def test_a_study_that_drifts_above_one_and_a_half_times_its_estimate_is_paused_and_says_so(database):
    study, worker = a_study(database), a_worker(database)
    granted = a_lease(database, worker)
    measure(database, worker, granted, 1.0)
    finish(database, worker, done(granted, seconds=390.0))  # then 700 s are left: 1,090 s in all
    hold(database, [study])
    assert shown(database, study)[0] == "running"

    finish(database, worker, done(a_lease(database, worker), seconds=390.0))  # 1,380 s in all
    hold(database, [study])

    state, why, _ = shown(database, study)
    assert state == "paused"
    assert "more than 1.5 times the 0.222 device hours of its estimate" in why and f"clr resume {study}" in why
    pauses.resume(database, study, estimated_seconds=accepted(database, study, None))
    hold(database, [study])
    assert shown(database, study) == ("running", "", pytest.approx(1380.0)), "what it takes is accepted now"


def test_a_short_study_on_a_busy_machine_is_never_paused(database):
    study, worker = a_study(database), a_worker(database)
    granted = a_lease(database, worker)
    measure(database, worker, granted, 0.01)  # 8 s
    finish(database, worker, done(granted, seconds=cost.DRIFT_FLOOR - 20))

    hold(database, [study])

    assert shown(database, study)[0] == "running"


def test_a_study_without_a_pace_is_held_to_its_limit_all_the_same(database):
    study, worker = a_study(database, max_device_hours=0.01), a_worker(database)
    finish(database, worker, done(a_lease(database, worker), seconds=37.0))

    hold(database, [study])

    assert shown(database, study)[:2] == (
        "paused",
        "It has taken 37 device seconds and may take 36 device seconds. "
        f"To let it go on: clr resume {study} --max-device-hours 0.012",
    )
    with pytest.raises(InvalidSpec, match="has taken 37 device seconds already"):
        accepted(database, study, None)
    assert lease(database, worker) == ()


def test_one_measurement_on_a_busy_machine_does_not_set_the_pace(database):
    study, worker = a_study(database), a_worker(database)
    granted = a_lease(database, worker)
    measure(database, worker, granted, 0.01)
    measure(database, worker, granted, 0.05)

    with database.read() as connection:
        pace, kind = paces.known(connection, plan_of(database, study))
    assert kind == "cpu" and pace.iteration_seconds == pytest.approx(0.02)


def test_the_slowest_kind_whose_workers_live_is_reckoned_with(database):
    study, worker = a_study(database), a_worker(database)
    plan = plan_of(database, study)
    assert estimates.of_plan(database, plan) is None
    measure(database, worker, a_lease(database, worker), 0.01)
    with database.write() as connection:
        paces.insert_or_update(
            connection,
            paces.paces,
            [
                {"workload": cost.workload(plan.base), "device_kind": kind, "iteration_seconds": seconds,
                 "evaluation_seconds": 0.0, "measured_at": 0} for kind, seconds in (("gone", 9.0), ("H100", 0.001))
            ],
        )  # fmt: skip

    assert estimates.of_plan(database, plan).seconds == pytest.approx(8.0)


def test_while_no_worker_lives_the_kind_that_measured_last_is_reckoned_with(database):
    study, worker = a_study(database), a_worker(database)
    plan = plan_of(database, study)
    with database.write() as connection:
        paces.insert_or_update(
            connection,
            paces.paces,
            [{"workload": cost.workload(plan.base), "device_kind": "of last year", "iteration_seconds": 9.0,
              "evaluation_seconds": 0.0, "measured_at": 0}],
        )  # fmt: skip
    assert estimates.of_plan(database, plan) is None, "the worker that lives has not measured it"

    measure(database, worker, a_lease(database, worker), 0.01)
    with database.write() as connection:
        connection.execute(update(workers).values(last_seen=workers.c.last_seen - 86_400_000))

    assert estimates.of_plan(database, plan).seconds == pytest.approx(8.0)
    assert estimates.pace(database, plan)[1] == "cpu"


def test_an_estimate_above_the_limit_is_refused_in_words_and_numbers():
    plan = make(parse({"task": "digits", "arms": ["fixed"], "budget": {"iterations": 1000}}), FACTS)
    estimate = estimates.Estimate(cost.seconds(plan, Pace(iteration_seconds=9.0, evaluation_seconds=0.0)), "cpu")

    with pytest.raises(
        InvalidSpec, match=r"takes about \d+\.?\d* device hours \([\d,]+ s\), at the pace measured on cpu"
    ):
        estimates.refuse_above(3600.0, estimate)
    estimates.refuse_above(3600.0, None)


def test_a_pace_told_again_is_accepted(database):
    a_study(database)
    worker = a_worker(database)
    granted = a_lease(database, worker)
    told = Report(slot=granted.slot, fence=granted.fence, pace=Pace(iteration_seconds=0.1, evaluation_seconds=0.1))

    assert report(database, worker, told) == ["accepted"] == report(database, worker, told)
