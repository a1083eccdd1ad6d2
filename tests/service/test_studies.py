"""A user's side over a real server: submit, look, stop, delete, take the answer."""

import json

import pytest

SPEC = {
    "task": "toy", "arms": ["fixed", "cosine"], "bounds": {"low": 0.01, "high": 1.0}, "trials": 2, "confirm_seeds": 2,
    "budget": {"iterations": 100},
}  # fmt: skip


def pointers(answer):
    assert answer.status_code == 422, answer.text
    return {error["pointer"] for error in answer.json()["errors"]}


def test_a_submitted_study_is_created_at_its_location(http):
    created = http.post("/v1/studies", json=SPEC)

    assert created.status_code == 201
    study = created.json()
    assert created.headers["Location"] == f"/v1/studies/{study['id']}"
    assert http.get(created.headers["Location"]).json()["id"] == study["id"]
    assert (study["state"], study["phase"]) == ("queued", "search")
    assert study["slots"]["planned"] == 2 * (2 + 2)


def test_the_smallest_spec_is_a_whole_one(http):
    assert http.post("/v1/studies", json={"task": "toy", "arms": ["fixed"]}).status_code == 201


def test_ids_sort_by_time(http, submit):
    ids = [submit() for _ in range(3)]

    assert ids == sorted(ids)


def test_every_error_of_form_and_meaning_is_listed_at_once(http):
    answer = http.post("/v1/studies", json={
        "task": "no-such-task", "arms": ["fixed", "no-such-family"], "trials": 0, "budget": {"iterations": 0},
        "optimizer": "no-such-optimizer", "colour": "red", "baseline": "nobody",
    })  # fmt: skip

    found = pointers(answer)
    assert {"/task", "/arms/1/family", "/trials", "/budget/iterations", "/optimizer", "/colour", "/baseline"} <= found


def test_an_unannounced_task_is_refused_with_the_known_ones_and_the_way_to_announce(http):
    answer = http.post("/v1/studies", json={**SPEC, "task": "mnist"})

    (error,) = answer.json()["errors"]
    assert answer.status_code == 422 and error["pointer"] == "/task"
    assert "'mnist'" in error["detail"] and "toy" in error["detail"] and "clr worker" in error["detail"]


@pytest.mark.parametrize(("changes", "pointer"), [
    ({"arms": [{"family": "triangular", "fixed": {"base_lr": 0.2, "max_lr": 0.1}}]}, "/arms/0/fixed/max_lr"),
    ({"arms": [{"family": "triangular", "fixed": {"step_size": 500}}]}, "/arms/0/fixed/step_size"),
    ({"trials": 10**9}, "/trials"),
    ({"budget": {"iterations": 10, "epochs": 1}}, "/budget"),
    ({"task": {"name": "toy", "options": {"nois": 1}}}, "/task/options/nois"),
    ({"model": "resnet"}, "/model"),
    ({"seed": -1}, "/seed"),
    ({"arms": []}, "/arms"),
])  # fmt: skip
def test_a_wrong_value_is_refused_at_its_field(http, changes, pointer):
    assert pointer in pointers(http.post("/v1/studies", json={**SPEC, **changes}))


def test_nan_and_infinity_are_refused_by_field(http):
    body = (
        '{"task": {"name": "toy", "options": {"noise": NaN}}, "arms": [{"family": "fixed", "fixed": {"lr": Infinity}}],'
        ' "target": NaN}'
    )
    answer = http.post("/v1/studies", content=body, headers={"Content-Type": "application/json"})

    assert {"/target", "/arms/0/fixed/lr", "/task/options/noise"} <= pointers(answer)


@pytest.mark.parametrize(("changes", "pointer", "words"), [
    ({"margin": float("nan")}, "/margin", "finite"),
    ({"margin": float("inf")}, "/margin", "finite"),
    ({"looks": [2, 5], "confirm_seeds": 3}, "/looks", "must be at all 3 confirm_seeds, got 5"),
    ({"lengths": [0, 1.0]}, "/lengths/0", "greater than 0"),
    ({"lengths": [1e-9, 1.0]}, "/lengths", "less than one"),
    ({"arms": ["fixed"] * 10_000}, "/arms", "at most 64"),
    ({"replicates": 10**9}, "/replicates", "less than or equal to 100"),
    ({"pruner": "hyperband"}, "/pruner", "median"),
])  # fmt: skip
def test_an_absurd_study_gets_one_clear_error_and_changes_nothing(http, changes, pointer, words):
    before = http.get("/v1/studies?limit=1").json()["items"]

    body = json.dumps({**SPEC, **changes})  # NaN and Infinity included: a client may send them
    refused = http.post("/v1/studies", content=body, headers={"Content-Type": "application/json"})

    assert pointers(refused) == {pointer}
    (error,) = refused.json()["errors"]
    assert words in error["detail"]
    assert http.get("/v1/studies?limit=1").json()["items"] == before


def test_ten_thousand_arms_with_names_are_more_than_a_body_may_hold(http):
    arms = [{"family": "fixed", "name": f"arm-{k}"} for k in range(10_000)]

    refused = http.post("/v1/studies", json={**SPEC, "arms": arms})

    assert refused.status_code == 413 and "256 KiB" in refused.json()["detail"]


@pytest.mark.parametrize("document", [[], "digits", 7, False, {}])
def test_what_is_no_spec_is_refused(http, document):
    assert http.post("/v1/studies", json=document).status_code == 422


def test_the_same_key_and_spec_give_the_same_study(http):
    first, again = (
        http.post("/v1/studies", json=document, headers={"Idempotency-Key": "same-key-1"})
        for document in (SPEC, dict(reversed(SPEC.items())))
    )

    assert first.status_code == again.status_code == 201
    assert first.json()["id"] == again.json()["id"]
    assert first.headers["Location"] == again.headers["Location"]
    assert again.headers["Idempotency-Replayed"] == "true"


def test_the_same_key_with_another_spec_is_a_conflict(http):
    http.post("/v1/studies", json=SPEC, headers={"Idempotency-Key": "same-key-2"})
    answer = http.post("/v1/studies", json={**SPEC, "seed": 1}, headers={"Idempotency-Key": "same-key-2"})

    assert answer.status_code == 409 and answer.json()["type"] == "urn:clr:problem:conflict"


def test_without_a_key_each_submission_is_a_study(submit):
    assert submit() != submit()


def test_pages_cover_every_study_once_newest_first(http, submit):
    mine = [submit(name="paged") for _ in range(5)]
    seen, cursor = [], None
    while True:
        page = http.get("/v1/studies", params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        assert len(page["items"]) <= 2
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert len(seen) == len(set(seen))
    assert [study for study in seen if study in mine] == mine[::-1]


def test_a_list_is_narrowed_by_state(http, submit):
    study = submit()
    http.post(f"/v1/studies/{study}/cancel")

    cancelled = http.get("/v1/studies", params={"state": "cancelled", "limit": 200}).json()["items"]
    queued = http.get("/v1/studies", params={"state": "queued", "limit": 200}).json()["items"]
    assert study in [item["id"] for item in cancelled] and study not in [item["id"] for item in queued]
    assert {item["state"] for item in cancelled} == {"cancelled"}


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "cursor=nonsense", "state=asleep", "limit=x"])
def test_a_wrong_query_is_refused(http, query):
    answer = http.get(f"/v1/studies?{query}")

    assert answer.status_code == 422 and answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["", "/trials", "/trials/1", "/range-test", "/best"])
def test_an_unknown_study_is_not_found(http, path):
    answer = http.get(f"/v1/studies/s-nobody{path}")

    assert answer.status_code == 404 and "s-nobody" in answer.json()["detail"]


def test_a_study_worked_through_is_done_and_answered(http, trainer, submit):
    study = submit()

    assert trainer.work() == 8

    status = http.get(f"/v1/studies/{study}").json()
    assert status["state"] == "done" and status["slots"]["done"] == 8 and status["ended_at"]
    assert {(row["phase"], row["arm"], row["done"]) for row in status["progress"]} == {
        (phase, arm, 2) for phase in ("search", "confirm") for arm in ("fixed", "cosine")
    }
    best = http.get(f"/v1/studies/{study}/best").json()
    assert best["status"] == "confirmed" and [arm["rank"] for arm in best["arms"]] == [1, 2]
    assert best["best"]["arm"] in ("fixed", "cosine") and best["best"]["snippet"] and best["sentence"]


def test_an_answer_before_confirmation_is_provisional(http, trainer, submit):
    study = submit()
    for lease in trainer.lease(count=2):
        trainer.finish(lease)

    best = http.get(f"/v1/studies/{study}/best").json()
    assert best["status"] != "confirmed"


def test_trials_are_listed_by_number_and_narrowed(http, trainer, submit):
    study = submit()
    trainer.work()

    trials = http.get(f"/v1/studies/{study}/trials").json()["items"]
    confirmed = http.get(f"/v1/studies/{study}/trials", params={"phase": "confirm", "arm": "fixed"}).json()["items"]

    assert [trial["number"] for trial in trials] == list(range(1, 9))
    assert all(trial["curve"] is None and trial["state"] == "done" for trial in trials)
    assert len(confirmed) == 2 and {trial["arm"] for trial in confirmed} == {"fixed"}


def test_one_trial_shows_its_curve_and_attempts(http, trainer, submit):
    study = submit()
    (lease,) = trainer.lease()
    trainer.finish(lease, value=0.75)

    trial = http.get(f"/v1/studies/{study}/trials/{lease['number']}").json()

    assert (trial["state"], trial["value"]) == ("done", 0.75)
    assert trial["curve"] == [{"iteration": 100, "metrics": {"accuracy": 0.75, "loss": 0.25}}]
    (attempt,) = trial["attempts"]
    assert (attempt["host"], attempt["how"], attempt["worker"]) == ("testhost", "done", trainer.worker)


def test_a_failed_trial_shows_why_with_the_last_lines(http, trainer, submit):
    study = submit()
    (lease,) = trainer.lease()
    trainer.tell(
        "/v1/results", "results", lease, outcome="failed", reason="ValueError: no such file", tail="line 1\nline 2"
    )

    trial = http.get(f"/v1/studies/{study}/trials/{lease['number']}").json()
    assert trial["state"] == "failed" and trial["reason"] == "ValueError: no such file"
    assert trial["attempts"][0]["tail"] == "line 1\nline 2"


def test_the_range_test_of_given_bounds_was_not_asked(http, submit):
    found = http.get(f"/v1/studies/{submit()}/range-test").json()

    assert found["status"] == "not-asked" and found["interval"] == {"low": 0.01, "high": 1.0}


def test_the_range_test_shows_its_curves(http, trainer, submit):
    study = submit(bounds="range-test")
    (lease,) = trainer.lease()
    assert lease["config"]["phase"] == "range-test"
    trainer.finish(lease)

    found = http.get(f"/v1/studies/{study}/range-test").json()
    assert found["status"] == "running" and len(found["curves"]) == 3
    assert sum(len(curve["rates"]) for curve in found["curves"]) == 1


def test_cancelling_stops_leases_and_running_trials(http, trainer, submit):
    study = submit()
    (lease,) = trainer.lease()

    cancelled = http.post(f"/v1/studies/{study}/cancel")

    assert cancelled.status_code == 200 and cancelled.json()["state"] == "cancelled"
    assert trainer.lease() == []
    evaluation = {"iteration": 10, "metrics": {"accuracy": 0.5}}
    assert trainer.tell("/v1/reports", "reports", lease, evaluations=[evaluation]) == "cancelled"
    assert trainer.tell("/v1/leases/renew", "leases", lease) == "cancelled"


def test_cancelling_twice_is_cancelling_once(http, submit):
    study = submit()

    first, second = (http.post(f"/v1/studies/{study}/cancel") for _ in range(2))
    assert first.status_code == second.status_code == 200 and second.json()["state"] == "cancelled"


def test_a_deleted_study_is_gone_and_its_worker_hears_of_it(http, trainer, submit):
    study = submit()
    (lease,) = trainer.lease()

    assert http.delete(f"/v1/studies/{study}").status_code == 204

    assert http.get(f"/v1/studies/{study}").status_code == 404
    assert http.delete(f"/v1/studies/{study}").status_code == 404
    assert trainer.finish(lease) in ("lease-lost", "cancelled")
    assert study not in [item["id"] for item in http.get("/v1/studies", params={"limit": 200}).json()["items"]]
