"""At equal priority the owner with the fewest device seconds of late comes first; each second is counted once."""

import pytest
from builders import a_lease, a_study, a_worker, done, failed, finish, lease, release
from sqlalchemy import select, update

from service.store.fairness import DAY_MS
from service.store.schema import owners, studies


def of(database, owner, **spec):
    return a_study(database, arms=["fixed"], trials=8, round_size=8, owner=owner, **spec)


def used(database, column=studies.c.used_seconds):
    with database.read() as connection:
        return [float(value) for value in connection.scalars(select(column).order_by(column))]


def shares(database):
    with database.read() as connection:
        return {row.name: row.seconds for row in connection.execute(select(owners))}


def age(database, owner, milliseconds):
    """As if the owner's device time lay so much further back."""
    with database.write() as connection:
        connection.execute(update(owners).where(owners.c.name == owner).values(at=owners.c.at - milliseconds))


def test_who_used_less_of_late_comes_first(database):
    ada, bob, worker = of(database, "ada"), of(database, "bob"), a_worker(database)
    granted = a_lease(database, worker)
    finish(database, worker, done(granted, seconds=10.0))

    second = a_lease(database, worker)
    finish(database, worker, done(second, seconds=30.0))

    assert (granted.study, second.study) == (ada, bob), "the oldest first, where nobody used anything"
    assert a_lease(database, worker).study == ada, "10 s against 30 s"


def test_an_attempt_under_way_counts_before_it_has_ended(database):
    ada, bob, worker = of(database, "ada"), of(database, "bob"), a_worker(database)
    assert [one.study for one in lease(database, worker, 2)] == [ada, ada]

    assert a_lease(database, worker).study == bob


def test_what_was_used_fades_with_a_time_constant_of_a_day(database):
    ada, bob, worker = of(database, "ada"), of(database, "bob"), a_worker(database)
    for seconds in (100.0, 20.0):
        finish(database, worker, done(a_lease(database, worker), seconds=seconds))
    age(database, "ada", DAY_MS)  # 100 / e = 36.8
    assert a_lease(database, worker).study == bob
    age(database, "ada", DAY_MS)  # 100 / e^2 = 13.5

    assert a_lease(database, worker).study == ada


def test_a_share_that_is_years_old_is_worth_nothing(database):
    of(database, "ada")
    worker = a_worker(database)
    finish(database, worker, done(a_lease(database, worker), seconds=1e9))
    age(database, "ada", 2000 * DAY_MS)

    finish(database, worker, done(a_lease(database, worker), seconds=5.0))

    assert shares(database) == {"ada": pytest.approx(5.0)}


def test_priority_stands_above_shares(database):
    of(database, "ada")
    urgent, worker = of(database, "bob", priority=1), a_worker(database)
    finish(database, worker, done(a_lease(database, worker), seconds=1000.0))

    assert a_lease(database, worker).study == urgent


def test_many_studies_give_their_owner_no_larger_share(database):
    """peers.md 28: uneven shares."""
    for _ in range(3):
        of(database, "ada")
    of(database, "bob")
    worker, counted = a_worker(database), {"ada": 0, "bob": 0}
    with database.read() as connection:
        owner = dict(connection.execute(select(studies.c.id, studies.c.owner)).all())

    for _ in range(8):
        granted = a_lease(database, worker)
        counted[owner[granted.study]] += 1
        finish(database, worker, done(granted, seconds=10.0))

    assert counted == {"ada": 4, "bob": 4}


def test_every_attempt_is_counted_once_whatever_is_said_twice(database):
    """peers.md 24: one counted ledger."""
    of(database, "ada")
    worker = a_worker(database)
    first, second, third = lease(database, worker, 3)
    assert finish(database, worker, done(first, seconds=10.0)) == ["accepted"]
    assert finish(database, worker, done(first, seconds=10.0)) == ["accepted"]
    assert finish(database, worker, failed(second, "crashed", seconds=5.0)) == ["accepted"]
    assert finish(database, worker, failed(second, "crashed", seconds=5.0)) == ["accepted"]

    assert used(database) == [15.0] and shares(database)["ada"] == pytest.approx(15.0, abs=0.01)
    assert used(database, studies.c.ended_iterations) == [100.0], "the crashed slot is open again"

    assert release(database, worker, third) == ["accepted"] == release(database, worker, third)
    assert 15.0 <= used(database)[0] < 20.0, "what it had the device for, by the database's clock"


def test_a_slot_given_up_counts_as_ended(database):
    of(database, "ada")
    worker = a_worker(database)
    number = a_lease(database, worker)
    for _ in range(2):
        finish(database, worker, failed(number, "crashed", seconds=1.0))
        number = a_lease(database, worker)
    finish(database, worker, failed(number, "crashed", seconds=1.0))

    assert used(database) == [3.0] and used(database, studies.c.ended_iterations) == [100.0]
