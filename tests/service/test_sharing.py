"""A shared service over REST: plans, limits, pauses, priorities, and whose turn it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from service.settings import Settings

SPEC: dict[str, Any] = {
    "task": "toy", "arms": ["fixed", "cosine"], "bounds": {"low": 0.01, "high": 1.0}, "trials": 2, "confirm_seeds": 2,
    "budget": {"iterations": 100}, "evaluate_every": 100,
}  # fmt: skip
ITERATIONS = 8 * 100


@pytest.fixture
def shared(tmp_path, serving) -> Iterator[httpx.Client]:
    """A service of the test's own with small limits."""
    settings = Settings(data=tmp_path, database=None, token=None, max_slots=50, max_study_hours=20)
    with serving(settings) as http:
        yield http


def submit(http: httpx.Client, **changes: Any) -> str:
    answer = http.post("/v1/studies", json={**SPEC, **changes})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def refusal(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    return {error["pointer"]: error["detail"] for error in answer.json()["errors"]}


def pace(trainer: Any, lease: dict[str, Any], seconds: float) -> str:
    told = {"iteration_seconds": seconds, "evaluation_seconds": 0.0}
    return str(trainer.tell("/v1/reports", "reports", lease, pace=told))


def measured(http: httpx.Client, trainer: Any, seconds: float) -> None:
    """One study of the workload has run at this pace and is gone."""
    study = submit(http)
    (lease,) = trainer.lease()
    assert pace(trainer, lease, seconds) == "accepted"
    assert http.post(f"/v1/studies/{study}/cancel").status_code == 200


def test_a_plan_is_shown_and_nothing_is_stored(shared, announcing_at):
    announcing_at(shared)

    plan = shared.post("/v1/plan", json=SPEC).json()

    assert (plan["trials"], plan["iterations"], plan["estimated_seconds"]) == (8, ITERATIONS, None)
    assert [(row["phase"], row["arm"], row["trials"]) for row in plan["work"]] == [
        ("search", "fixed", 2), ("search", "cosine", 2), ("confirm", "fixed", 2), ("confirm", "cosine", 2)
    ]  # fmt: skip
    assert shared.get("/v1/studies").json()["items"] == []
    assert set(refusal(shared.post("/v1/plan", json={**SPEC, "trials": 0, "colour": "red"}))) == {"/trials", "/colour"}


def test_a_measured_workload_has_its_device_time_in_the_plan(shared, announcing_at):
    measured(shared, announcing_at(shared), 2.0)

    plan = shared.post("/v1/plan", json=SPEC).json()

    assert plan["estimated_seconds"] == pytest.approx(2.0 * ITERATIONS) and plan["device_kind"] == "cpu"
    assert sum(row["seconds"] for row in plan["work"]) == pytest.approx(plan["estimated_seconds"])


def test_a_study_above_its_device_hours_is_refused_with_the_estimate_and_not_stored(shared, announcing_at):
    measured(shared, announcing_at(shared), 45.0)  # 36,000 s: 10 h
    before = len(shared.get("/v1/studies").json()["items"])

    wrong = refusal(shared.post("/v1/studies", json=SPEC))

    assert wrong == {
        "/max_device_hours": "the study takes about 10 device hours (36,000 s), at the pace measured on cpu, "
        "and may take 8: ask for less, or for more device hours"
    }
    assert len(shared.get("/v1/studies").json()["items"]) == before
    allowed = shared.post("/v1/studies", json={**SPEC, "max_device_hours": 11}).json()
    assert allowed["estimated_seconds"] == pytest.approx(36_000)


def test_the_same_key_gives_the_same_study_whatever_was_measured_since(shared, announcing_at):
    trainer = announcing_at(shared)
    first = shared.post("/v1/studies", json=SPEC, headers={"Idempotency-Key": "k"}).json()["id"]
    (lease,) = trainer.lease()
    pace(trainer, lease, 45.0)

    assert shared.post("/v1/studies", json=SPEC, headers={"Idempotency-Key": "k"}).json()["id"] == first


def test_a_study_is_capped_and_the_refusal_names_limit_and_setting(shared, announcing_at):
    """peers.md 30: hard caps."""
    announcing_at(shared)

    wrong = refusal(shared.post("/v1/studies", json={**SPEC, "trials": 30, "max_device_hours": 21}))

    assert "64 trials; this service allows a study 50 (its setting max_slots)" in wrong["/trials"]
    assert wrong["/max_device_hours"] == (
        "this service allows a study 20 device hours (its setting max_study_hours), got 21"
    )


def test_a_study_that_turns_out_too_long_pauses_and_goes_on_once_it_may_take_more(shared, announcing_at):
    trainer = announcing_at(shared)
    study = submit(shared)
    (lease,) = trainer.lease()
    assert pace(trainer, lease, 45.0) == "accepted"

    paused = shared.get(f"/v1/studies/{study}").json()

    assert paused["state"] == "paused" and paused["estimated_seconds"] == pytest.approx(36_000)
    assert f"clr resume {study} --max-device-hours 12" in paused["paused"]
    assert trainer.lease() == [] and trainer.tell("/v1/leases/renew", "leases", lease) == "paused"
    path = f"/v1/studies/{study}/resume"
    assert "takes about 10 device hours" in refusal(shared.post(path))["/max_device_hours"]
    assert "max_study_hours" in refusal(shared.post(path, json={"max_device_hours": 21}))["/max_device_hours"]
    assert shared.post(path, json={"max_device_hours": 12}).json()["state"] == "running"
    assert trainer.tell("/v1/leases/renew", "leases", lease) == "accepted"


def test_pausing_and_resuming_are_idempotent_and_an_ended_study_is_a_conflict(shared, announcing_at):
    """peers.md 29: stop and resume are ordinary, idempotent calls."""
    announcing_at(shared)
    path = f"/v1/studies/{submit(shared)}"

    for reason in ("maintenance", "again"):
        assert shared.post(f"{path}/pause", json={"reason": reason}).json()["paused"] == "maintenance"
    for _ in range(2):
        assert shared.post(f"{path}/resume").json()["state"] == "queued"
    shared.post(f"{path}/cancel")
    for call in (shared.post(f"{path}/pause"), shared.post(f"{path}/resume"), shared.patch(path, json={"priority": 1})):
        assert call.status_code == 409 and "was cancelled" in call.json()["detail"]
    assert shared.post("/v1/studies/s-unknown/pause").status_code == 404
    assert set(refusal(shared.patch(path, json={"priority": 5000}))) == {"/priority"}


def test_a_lease_that_waits_is_answered_when_a_study_is_resumed(shared, announcing_at):
    trainer = announcing_at(shared)
    study = submit(shared)
    shared.post(f"/v1/studies/{study}/pause")
    assert trainer.lease() == []

    shared.post(f"/v1/studies/{study}/resume")

    assert [lease["study"] for lease in trainer.lease(wait=5.0)] == [study]


def test_the_queue_names_the_order_in_which_leases_go(shared, announcing_at):
    trainer = announcing_at(shared)
    for owner, priority in (("ada", 0), ("ada", 0), ("bob", 0), ("eve", -1), ("bob", 2)):
        submit(shared, arms=["fixed"], owner=owner, priority=priority)
    submit(shared, arms=["fixed"], owner="kim", priority=3, name="resting")
    resting = shared.get("/v1/studies").json()["items"][0]["id"]
    shared.post(f"/v1/studies/{resting}/pause", json={"reason": "later"})
    owners = {one["id"]: one["owner"] for one in shared.get("/v1/studies").json()["items"]}

    for _ in range(10):
        queue = shared.get("/v1/queue").json()
        assert [turn["position"] for turn in queue["turns"]] == list(range(1, len(queue["turns"]) + 1))
        assert (queue["turns"][-1]["study"], queue["turns"][-1]["state"]) == (resting, "paused")
        assert {turn["study"]: turn["owner"] for turn in queue["turns"]}.items() <= owners.items()
        (lease,) = trainer.lease()
        assert lease["study"] == queue["turns"][0]["study"]
        trainer.finish(lease, seconds=7.0)


def test_the_queue_says_what_runs_before_mine_and_when_mine_starts(shared, announcing_at):
    trainer = announcing_at(shared)
    first = submit(shared, owner="ada")
    mine = submit(shared, owner="ada")
    (turn,) = shared.get("/v1/queue", params={"study": mine}).json()["turns"]
    assert (turn["position"], turn["seconds_ahead"]) == (2, None)
    assert turn["sentence"] == "Before it stands 1 study; when a worker takes its first trial can't be told yet."

    (lease,) = trainer.lease()
    pace(trainer, lease, 0.6)  # a trial takes a minute, the first study eight
    (turn,) = shared.get("/v1/queue", params={"study": mine}).json()["turns"]

    assert turn["seconds_ahead"] == pytest.approx(480, abs=1)
    assert turn["sentence"] == (
        "Before it stands 1 study, which needs about 0.133 device hours more; "
        "a worker takes its first trial in about 8 min."
    )
    assert turn["starts_at"] is not None
    shared.post(f"/v1/studies/{first}/cancel")
    (turn,) = shared.get("/v1/queue", params={"study": mine}).json()["turns"]
    assert turn["sentence"].startswith("Nothing stands before it; a worker takes its first trial")


def test_a_study_that_is_over_stands_in_no_queue(shared, announcing_at):
    announcing_at(shared)
    study = submit(shared)
    shared.post(f"/v1/studies/{study}/cancel")

    assert shared.get("/v1/queue").json()["turns"] == []
    gone = shared.get("/v1/queue", params={"study": study})
    assert gone.status_code == 404 and "is over" in gone.json()["detail"]
    assert shared.get("/v1/queue", params={"study": "s-unknown"}).status_code == 404
