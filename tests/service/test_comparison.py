"""Arms of one study against any of them, the best over all studies, and what a list is narrowed by."""

import time

import pytest


@pytest.fixture
def finished(http, trainer, submit):
    """A finished study of three arms; its id."""
    study = submit(arms=["fixed", "cosine", "triangular"], confirm_seeds=3, name="Of Three")
    trainer.work()
    return study


def test_every_arm_is_compared_with_the_baseline_of_choice(http, finished):
    best = http.get(f"/v1/studies/{finished}/best").json()
    whole = http.get(f"/v1/studies/{finished}/comparison").json()
    turned = http.get(f"/v1/studies/{finished}/comparison", params={"baseline": "cosine"}).json()

    assert whole["status"] == "confirmed" and whole["baseline"] == "fixed" and whole["reason"] == ""
    theirs = {arm["arm"]: arm["difference"]["interval"] for arm in best["arms"] if arm["difference"]}
    assert {row["arm"]: row["interval"] for row in whole["differences"]} == theirs, "those of the answer"
    assert {row["arm"] for row in turned["differences"]} == {"fixed", "triangular"}
    for row in turned["differences"]:
        pairs = {s: turned["values"][row["arm"]][s] - turned["values"]["cosine"][s] for s in turned["seeds"]}
        assert row["by_seed"] == pairs and row["mean"] == pytest.approx(sum(pairs.values()) / 3)


def test_leaving_arms_out_buys_no_certainty(http, finished):
    whole = http.get(f"/v1/studies/{finished}/comparison").json()
    some = http.get(f"/v1/studies/{finished}/comparison", params={"arm": ["triangular"]}).json()

    (row,) = some["differences"]
    assert row in whole["differences"] and set(some["values"]) == {"fixed", "triangular"}


def test_an_arm_that_is_not_there_is_named_with_those_that_are(http, finished):
    refused = http.get(f"/v1/studies/{finished}/comparison", params={"arm": ["square"], "baseline": "circle"})

    assert refused.status_code == 422
    assert {error["pointer"] for error in refused.json()["errors"]} == {"/query/arm", "/query/baseline"}
    assert "fixed, cosine, triangular" in refused.text


def test_nothing_is_compared_before_the_last_seed(http, trainer, submit):
    study = submit()

    found = http.get(f"/v1/studies/{study}/comparison").json()

    assert found["status"] == "provisional" and found["differences"] == [] and found["values"] == {}
    assert "once every confirm run has ended" in found["reason"]


def test_the_best_over_all_studies_names_study_and_action(http, finished):
    deadline = time.monotonic() + 20
    while not (mine := [item for item in http.get("/v1/best?task=toy&limit=200").json()["items"]
                        if item["study"] == finished]):  # fmt: skip
        assert time.monotonic() < deadline, "it is recorded a moment after its end"
    best = http.get(f"/v1/studies/{finished}/best").json()

    assert mine[0]["arm"] == best["best"]["arm"] and mine[0]["action"] == best["action"]
    assert mine[0]["interval"] and mine[0]["settings"]["model"] == "mlp" and mine[0]["name"] == "Of Three"
    assert "not paired" in http.get("/v1/best").json()["note"]
    assert http.get("/v1/best?task=nothing").json()["items"] == []
    assert http.get(f"/v1/best?setting={mine[0]['setting']}&model=mlp&optimizer=sgd").json()["items"]


@pytest.mark.parametrize(
    "path", ["/v1/studies", "/v1/best", "/v1/studies/{study}/trials", "/v1/studies/{study}/comparison"]
)
def test_a_filter_that_is_not_there_is_refused_with_those_that_are(http, finished, path):
    refused = http.get(path.replace("{study}", finished), params={"colour": "red"})

    assert refused.status_code == 422, "ignored, it would seem to filter"
    (error,) = refused.json()["errors"]
    assert error["pointer"] == "/query/colour" and "known are" in error["detail"]


def test_studies_are_narrowed_by_task_owner_name_and_time(http, trainer, submit):
    first = submit(name="A Net_1 of mine", owner="ada")
    second = submit(name="other", owner="bob")
    created = http.get(f"/v1/studies/{first}").json()["created_at"]

    def listed(**wanted):
        answer = http.get("/v1/studies", params={**wanted, "limit": 200})
        assert answer.status_code == 200, answer.text
        return {item["id"] for item in answer.json()["items"]} & {first, second}

    assert listed(owner="ada") == {first} and listed(owner="bob", task="toy") == {second}
    assert listed(name="net_1 OF") == {first} and listed(name="net%1") == set(), "no wild card"
    assert listed(task="digits") == set() and listed(state="queued", name="other") == {second}
    assert listed(created_after=created) == {second}
    assert listed(created_after="2100-01-01T00:00:00+02:00") == set()


@pytest.mark.parametrize("wrong", [
    {"created_after": "2026-01-01T00:00:00"}, {"created_after": "yesterday"}, {"state": "lost"}, {"owner": "a\0b"},
])  # fmt: skip
def test_a_filter_of_no_such_value_is_refused(http, wrong):
    refused = http.get("/v1/studies", params=wrong)

    assert refused.status_code == 422 and refused.json()["errors"][0]["pointer"] == f"/query/{next(iter(wrong))}"
