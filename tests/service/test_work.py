"""The worker's side over a real server."""

import threading
import time
import uuid

import httpx
import pytest

from clr.protocol import Results
from service.settings import Settings
from service.store import results


def in_thread(call):
    found = []
    thread = threading.Thread(target=lambda: found.append(call()))
    thread.start()
    return thread, found


def test_a_registered_worker_is_told_the_rhythm_and_listed(http, trainer):
    workers = {worker["id"]: worker for worker in http.get("/v1/workers").json()["items"]}

    mine = workers[trainer.worker]
    assert (mine["host"], mine["live"], mine["tasks"], mine["holding"]) == ("testhost", True, ["toy"], 0)


def test_registration_answers_lease_and_beat(http):
    answer = http.post("/v1/workers", json={
        "worker": str(uuid.uuid4()), "host": "h", "device": {"name": "cpu", "kind": "cpu"}, "tasks": [],
    })  # fmt: skip

    assert (answer.json()["lease_seconds"], answer.json()["beat_seconds"]) == (60.0, 10.0)


@pytest.mark.parametrize("version", [0, 2, "new"])
def test_another_protocol_version_is_426_whatever_else_it_says(http, version):
    answer = http.post("/v1/workers", json={"protocol": version, "a field of another version": 1})

    assert answer.status_code == 426 and answer.json()["type"] == "urn:clr:problem:upgrade-needed"


def test_an_unregistered_worker_gets_no_lease(http):
    assert http.post("/v1/leases", json={"worker": str(uuid.uuid4())}).status_code == 404


def test_tasks_show_their_facts_and_live_workers(http, trainer):
    (toy,) = [task for task in http.get("/v1/tasks").json()["items"] if task["name"] == "toy"]

    assert toy["live"] >= 1 and toy["train_size"] == 1000 and "noise" in toy["options_schema"]["properties"]


def test_schedules_show_parameters_and_coordinates(http):
    families = {row["family"]: row for row in http.get("/v1/schedules").json()["items"]}

    assert {"fixed", "step", "exponential", "linear", "cosine", "triangular", "triangular2", "exp_range"} <= set(
        families
    )
    triangular = families["triangular"]
    assert set(triangular["parameters"]["required"]) == {"base_lr", "max_lr", "step_size"}
    assert "peak_lr" in triangular["coordinates"] and triangular["description"]


def test_a_lease_holds_everything_that_a_trial_needs(trainer, submit):
    study = submit()

    (lease,) = trainer.lease()

    assert lease["study"] == study and lease["attempt"] == 1 and lease["resume"] is None
    assert lease["config"]["task"] == "toy" and lease["config"]["iterations"] == 100
    assert lease["config"]["schedule"]["family"] in ("fixed", "cosine")


def test_no_slot_is_leased_twice(trainer, submit):
    submit()

    slots = [lease["slot"] for lease in trainer.lease(count=3) + trainer.lease(count=3)]
    assert len(slots) == len(set(slots)) == 2  # one arm's first round holds one trial of two


def test_a_waiting_lease_is_answered_when_a_study_comes(trainer, submit):
    waiting, found = in_thread(lambda: trainer.lease(wait=20))
    submit()
    waiting.join(10)

    assert not waiting.is_alive() and len(found[0]) == 1


def test_a_waiting_lease_is_answered_when_a_round_opens(trainer, submit):
    submit(arms=["fixed"])
    (first,) = trainer.lease()
    waiting, found = in_thread(lambda: trainer.lease(wait=20))
    trainer.finish(first)
    waiting.join(10)

    assert not waiting.is_alive() and len(found[0]) == 1


def test_a_waiting_lease_is_answered_when_a_slot_is_given_back(trainer, submit):
    submit(arms=["fixed"])
    (first,) = trainer.lease()
    waiting, found = in_thread(lambda: trainer.lease(wait=20))
    assert trainer.tell("/v1/leases/release", "leases", first) == "accepted"
    waiting.join(10)

    assert [lease["slot"] for lease in found[0]] == [first["slot"]]
    assert found[0][0]["attempt"] == 1  # giving back takes the attempt back
    assert found[0][0]["fence"] > first["fence"]


def test_a_worker_that_hung_up_is_granted_nothing(http, trainer, submit):
    request = {"worker": trainer.worker, "wait": 20}
    with httpx.Client(base_url=http.base_url, timeout=0.3, trust_env=False) as gone, pytest.raises(httpx.ReadTimeout):
        gone.post("/v1/leases", json=request)
    study = submit(arms=["fixed"])

    (lease,) = trainer.lease(wait=10)
    assert lease["study"] == study and lease["attempt"] == 1


def test_a_lease_without_work_answers_empty_after_its_wait(trainer):
    started = time.monotonic()

    assert trainer.lease(wait=0.3) == []
    assert 0.3 <= time.monotonic() - started < 5


def test_a_stopping_service_hands_out_nothing_and_takes_what_comes(serving, announcing_at, tmp_path):
    with serving(Settings(data=tmp_path, database=None, token=None)) as http:
        trainer = announcing_at(http)
        http.post("/v1/studies", json={"task": "toy", "arms": ["fixed"], "bounds": {"low": 0.01, "high": 1}})
        (lease,) = trainer.lease()
        http.app.state.parts.doorbell.close()

        answer = http.post("/v1/leases", json={"worker": trainer.worker, "wait": 20})
        assert answer.status_code == 503 and answer.headers["Retry-After"] == "5"
        assert answer.json()["type"] == "urn:clr:problem:unavailable"
        assert trainer.finish(lease) == "accepted"


def test_sixty_waiting_workers_leave_the_service_answering(http, trainer):
    threads = [in_thread(lambda: trainer.lease(wait=2))[0] for _ in range(60)]

    started = time.monotonic()
    assert http.get("/v1/studies").status_code == 200
    assert time.monotonic() - started < 1.5
    for thread in threads:
        thread.join()


def test_a_crash_before_the_next_round_opened_heals_at_the_next_lease(http, trainer, submit):
    study = submit(arms=["fixed"])
    (lease,) = trainer.lease()
    result = {"slot": lease["slot"], "fence": lease["fence"], "outcome": "done", "iteration": 100, "value": 0.5}
    # The service stores the result and dies before it opens the round that this makes due.
    finished = Results.model_validate({"worker": trainer.worker, "results": [result]})
    _, ended, _ = results.finish(http.app.state.parts.database, finished)
    assert ended == [study] and http.get(f"/v1/studies/{study}/trials").json()["items"][-1]["number"] == 1

    assert [lease["number"] for lease in trainer.lease(wait=20)] == [2]  # it looks again after a pause


def test_reports_are_stored_and_repeating_them_is_accepted(http, trainer, submit):
    study = submit()
    (lease,) = trainer.lease()
    evaluations = [{"iteration": 50, "metrics": {"accuracy": 0.5}}]

    replies = [trainer.tell("/v1/reports", "reports", lease, evaluations=evaluations) for _ in range(2)]

    assert replies == ["accepted", "accepted"]
    assert http.get(f"/v1/studies/{study}/trials/{lease['number']}").json()["curve"] == evaluations


def test_another_value_for_the_same_iteration_is_a_conflict(trainer, submit):
    submit()
    (lease,) = trainer.lease()
    trainer.tell("/v1/reports", "reports", lease, evaluations=[{"iteration": 50, "metrics": {"accuracy": 0.5}}])

    other = [{"iteration": 50, "metrics": {"accuracy": 0.6}}]
    assert trainer.tell("/v1/reports", "reports", lease, evaluations=other) == "conflict"


def test_whatever_a_crashed_process_said_last_is_stored(http, trainer, submit):
    study = submit()
    (lease,) = trainer.lease()

    assert trainer.finish(lease, outcome="failed", reason="a\0b", tail="\0\x1b[31m\u2028") == "accepted"
    assert http.get(f"/v1/studies/{study}/trials/{lease['number']}").json()["reason"] == "a\ufffdb"


def test_a_stale_token_is_refused_everywhere(trainer, submit):
    submit()
    (lease,) = trainer.lease()
    stale = {**lease, "fence": lease["fence"] - 1}

    assert trainer.tell("/v1/leases/renew", "leases", stale) == "lease-lost"
    assert trainer.tell("/v1/reports", "reports", stale) == "lease-lost"
    assert trainer.finish(stale) == "lease-lost"
    assert trainer.finish(lease) == "accepted"


def test_a_repeated_result_is_answered_as_the_first(trainer, submit):
    submit()
    (lease,) = trainer.lease()

    assert [trainer.finish(lease), trainer.finish(lease)] == ["accepted", "accepted"]
    assert trainer.finish(lease, value=0.1) == "conflict"


def test_a_checkpoint_is_handed_to_the_next_holder(trainer, submit):
    submit()
    (lease,) = trainer.lease()
    checkpoint = {"iteration": 40, "path": "a/b", "sha256": "0" * 64}
    trainer.tell("/v1/reports", "reports", lease, checkpoint=checkpoint)
    trainer.tell("/v1/leases/release", "leases", lease)

    (again,) = trainer.lease()
    assert again["slot"] == lease["slot"] and again["resume"] == checkpoint


def test_a_batch_is_answered_in_the_order_asked(http, trainer, submit):
    submit()
    one, other = trainer.lease(count=2)
    holdings = [{"slot": lease["slot"], "fence": lease["fence"]} for lease in (other, one)]
    holdings.insert(1, {"slot": one["slot"], "fence": one["fence"] + 9})

    answers = http.post("/v1/leases/renew", json={"worker": trainer.worker, "leases": holdings}).json()["answers"]

    assert [(answer["slot"], answer["reply"]) for answer in answers] == [
        (other["slot"], "accepted"), (one["slot"], "lease-lost"), (one["slot"], "accepted"),
    ]  # fmt: skip


def test_a_task_whose_sizes_depend_on_options_is_looked_at_first(http, announcing, trainer, submit):
    unknown = {"name": "folder", "train_size": 0, "validation_size": 0, "test_size": 0, "fixed": False}
    worker = announcing(**unknown)
    study = submit(task="folder")

    (lease,) = worker.lease()
    assert lease["config"]["phase"] == "describe"
    assert http.get(f"/v1/studies/{study}").json()["plan"] is None
    best = http.get(f"/v1/studies/{study}/best")
    assert best.status_code == 200 and best.json()["status"] == "provisional" and "sizes" in best.json()["sentence"]
    assert http.get(f"/v1/studies/{study}/range-test").json()["status"] == "waiting"
    (facts,) = [task for task in http.get("/v1/tasks").json()["items"] if task["name"] == "folder"]
    del facts["live"]
    facts |= {"train_size": 500, "validation_size": 100, "test_size": 100, "fixed": True}
    worker.tell("/v1/results", "results", lease, outcome="done", facts=facts)

    planned = http.get(f"/v1/studies/{study}").json()
    assert planned["plan"]["facts"]["train_size"] == 500 and planned["phase"] == "search"
    assert worker.work() == 8
    assert http.get(f"/v1/studies/{study}").json()["state"] == "done"
