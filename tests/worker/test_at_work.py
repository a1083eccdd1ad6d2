"""One worker process that works off slot after slot, whatever becomes of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from desk import Desk, a_config
from processes import Running, wait_for

SLOW = {"task": "slow", "iterations": 300, "evaluate_every": 10}


@pytest.fixture(scope="module")
def worker(desk_for_all: Desk, start_worker_for_all: Any) -> Running:
    found: Running = start_worker_for_all(desk_for_all.url, "--hang-seconds", "4")
    wait_for(lambda: desk_for_all.bodies("/v1/leases"), "a call for a lease")
    return found


@pytest.fixture
def desk(desk_for_all: Desk, worker: Running) -> Iterator[Desk]:
    """The desk at which the worker waits for its next slot."""
    yield desk_for_all
    assert worker.process.poll() is None, worker.said
    desk_for_all.clear()


def results(desk: Desk, count: int) -> list[dict[str, Any]]:
    return list(wait_for(lambda: len(desk.results) >= count and desk.results, f"{count} results"))


def test_a_worker_announces_itself_before_it_leases(desk: Desk) -> None:
    assert next(path for path, _ in desk.heard if path != "/readyz") == "/v1/workers"
    (registration,) = desk.bodies("/v1/workers")
    assert registration["protocol"] == 1
    assert {"digits", "finds"} <= {task["name"] for task in registration["tasks"]}
    assert registration["device"]["memory"] > 0


def test_slots_are_worked_off_in_one_kept_child(desk: Desk, worker: Running) -> None:
    children = worker.children()
    desk.configs = [a_config(seed=seed) for seed in range(3)]

    done = results(desk, 3)

    assert [result["outcome"] for result in done] == ["done"] * 3
    assert desk.reported == [10, 20, 30, 40, 50, 60] * 3
    assert all(result["provenance"]["host"] for result in done)
    assert len({body["worker"] for _, body in desk.heard if "worker" in body}) == 1
    assert worker.children() == children


def test_a_crash_costs_its_own_trial_only(desk: Desk) -> None:
    desk.configs = [a_config(task=task) for task in ("dies", "exits", "raises", "digits")]

    dies, exits, raises, digits = results(desk, 4)

    assert [result["outcome"] for result in desk.results] == ["crashed", "crashed", "crashed", "done"]
    assert "SIGKILL" in dies["reason"]
    assert "about to die" in dies["tail"]
    assert dies["iteration"] == 10
    assert exits["reason"] == "exited with code 7"
    assert "about to leave" in exits["tail"]
    assert raises["reason"] == "ArithmeticError: the moon is in the wrong phase"
    assert "in happens" in raises["tail"]
    assert digits["value"] > 0.5


def test_a_hung_trial_is_killed_and_the_next_one_runs(desk: Desk) -> None:
    desk.configs = [a_config(task="hangs"), a_config()]

    hung, done = results(desk, 2)

    assert hung["outcome"] == "crashed"
    assert hung["reason"].startswith("hung")
    assert done["outcome"] == "done"


def test_a_task_that_cannot_do_it_fails_with_its_reason(desk: Desk) -> None:
    desk.configs = [a_config(task="refuses")]

    (failed,) = results(desk, 1)

    assert failed["outcome"] == "failed"
    assert failed["reason"] == "there is no such thing"


def test_a_diverging_trial_says_where_and_why(desk: Desk) -> None:
    desk.configs = [a_config(schedule={"family": "fixed", "lr": 1e30})]

    (diverged,) = results(desk, 1)

    assert diverged["outcome"] == "diverged"
    assert diverged["iteration"] >= 1
    assert "loss" in diverged["reason"]


def test_a_describe_slot_is_answered_with_facts(desk: Desk) -> None:
    desk.configs = [a_config(task="finds", phase="describe")]

    (described,) = results(desk, 1)

    assert described["outcome"] == "done"
    assert described["facts"]["train_size"] == 1097


@pytest.mark.parametrize("reply", ["lease-lost", "cancelled"])
def test_a_slot_that_is_no_longer_ours_is_stopped_and_the_next_one_runs(
    desk: Desk, worker: Running, reply: str
) -> None:
    desk.configs = [a_config(**SLOW | {"iterations": 100_000}), a_config()]
    wait_for(lambda: desk.reported, "a report")

    desk.replies = {"/v1/reports": reply, "/v1/leases/renew": reply}

    wait_for(lambda: not desk.configs, "the next lease")
    desk.replies = {}
    assert results(desk, 1)[0]["slot"] == desk.granted
    worker.until_said(f"refused: report of slot {desk.granted - 1}, fence 5: {reply}")


def test_the_lease_is_renewed_while_nothing_is_to_be_told(desk: Desk) -> None:
    desk.configs = [a_config(**SLOW | {"evaluate_every": 300})]

    results(desk, 1)

    assert len(desk.bodies("/v1/leases/renew")) >= 3
    assert desk.bodies("/v1/leases/renew")[0]["leases"] == [{"slot": desk.granted, "fence": 5}]


def test_an_outage_loses_no_evaluation(desk: Desk, worker: Running) -> None:
    desk.configs = [a_config(**SLOW)]
    wait_for(lambda: desk.reported, "a report")

    desk.refuse = {path: 503 for path in ("/v1/reports", "/v1/results", "/v1/leases", "/v1/leases/renew")}
    worker.until_said("training goes on")
    time.sleep(0.5)  # the length of the outage
    desk.refuse = {}

    assert results(desk, 1)[0]["outcome"] == "done"
    assert desk.reported == list(range(10, 301, 10))
    worker.until_said("answers again")


def test_a_service_that_forgot_the_worker_is_told_again(desk: Desk) -> None:
    desk.refuse = {"/v1/leases": 404}
    wait_for(lambda: desk.bodies("/v1/workers"), "a second registration")

    desk.refuse = {}
    desk.configs = [a_config()]

    assert results(desk, 1)[0]["outcome"] == "done"
