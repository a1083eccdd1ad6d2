"""POST /v1/studies/{id}/extend over real HTTP."""

import pytest

SMALL = {"confirm_seeds": 1}


@pytest.fixture
def ended(submit, trainer):
    """A study of two arms that has run to its end; its id and the worker's side."""
    study = submit(trials=2)
    trainer.work()
    return study, trainer


def seen(http, study):
    """All of a study that a refused extension must leave alone."""
    found = http.get(f"/v1/studies/{study}").json()
    return found, http.get(f"/v1/studies/{study}/trials", params={"limit": 200}).json()


def test_a_study_goes_on_and_its_answer_has_the_added_seeds(http, ended):
    study, trainer = ended
    before = http.get(f"/v1/studies/{study}/best").json()

    extended = http.post(f"/v1/studies/{study}/extend", json={"trials": 2, "confirm_seeds": 3})

    assert extended.status_code == 200, extended.text
    found = extended.json()
    assert found["state"] == "running" and found["ended_at"] is None
    assert found["extensions"][0]["trials"] == 2 * (2 + 3)
    under_way = http.get(f"/v1/studies/{study}/best").json()
    assert under_way["arms"] == before["arms"] and under_way["extensions"] == 0
    trainer.work()
    after = http.get(f"/v1/studies/{study}/best").json()
    assert http.get(f"/v1/studies/{study}").json()["state"] == "done"
    assert {len(arm["values"]) for arm in before["arms"]} == {2}
    assert {len(arm["values"]) for arm in after["arms"]} == {5} and after["extensions"] == 1
    assert {row["asked"] for row in after["ledger"] if row["phase"] == "search"} == {4}
    exported = http.get(f"/v1/studies/{study}/export", params={"table": "trials", "format": "json"}).json()
    found_better = sum("2 confirm runs of former finalists" in note for note in after["notes"])
    assert len(exported) == 2 * (4 + 5) + 2 * found_better, "with those that are no longer compared"
    report = http.get(f"/v1/studies/{study}/report").text
    assert "Extended" in report and "not planned" in report


def test_the_same_key_extends_once_and_says_so(http, ended):
    study, _ = ended
    key = {"Idempotency-Key": "extend-once"}

    first, again = (http.post(f"/v1/studies/{study}/extend", json=SMALL, headers=key) for _ in range(2))
    other = http.post(f"/v1/studies/{study}/extend", json={"confirm_seeds": 2}, headers=key)

    assert (first.status_code, again.status_code, other.status_code) == (200, 200, 409)
    assert "Idempotency-Replayed" not in first.headers and again.headers["Idempotency-Replayed"] == "true"
    assert len(again.json()["extensions"]) == 1


@pytest.mark.parametrize(
    "document, pointer",
    [
        ({}, ""),
        ({"trials": 0}, ""),
        ({"trials": -3}, "/trials"),
        ({"trials": 10**30}, "/trials"),
        ({"confirm_seeds": 10_000}, "/confirm_seeds"),
        ({"confirm_seeds": 999}, "/confirm_seeds"),
        ({"trials": 9_000}, "/trials"),
        ({"peak_lr": {"low": 0.001, "high": 1.0}}, "/peak_lr"),
        ({"trials": 2, "peak_lr": {"low": 0.1, "high": 0.2}}, "/peak_lr"),
        ({"trials": 2, "peak_lr": {"low": "NaN", "high": 0.2}}, "/peak_lr/low"),
        ({"trials": 2, "max_device_hours": 0}, "/max_device_hours"),
        ({"trials": 2, "epochs": 4}, "/epochs"),
        ([], ""),
        ("more", ""),
    ],
)
def test_an_absurd_extension_gets_one_clear_error_and_changes_nothing(http, ended, document, pointer):
    study, _ = ended
    before = seen(http, study)

    refused = http.post(f"/v1/studies/{study}/extend", json=document)

    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]
    assert seen(http, study) == before


def test_a_cancelled_study_is_refused_with_one_error_and_stays_as_it_is(http, submit, trainer):
    study = submit()
    http.post(f"/v1/studies/{study}/cancel")
    before = seen(http, study)

    refused = http.post(f"/v1/studies/{study}/extend", json=SMALL)

    assert refused.status_code == 409 and "was cancelled: it can't be extended" in refused.json()["detail"]
    assert seen(http, study) == before


def test_replicates_are_not_extended_and_say_what_to_do(http, submit, trainer):
    study = submit(replicates=2)

    refused = http.post(f"/v1/studies/{study}/extend", json=SMALL)

    assert refused.status_code == 422
    assert "submit a new study with more replicates" in refused.json()["errors"][0]["detail"]


def test_there_is_nothing_to_extend_where_there_is_no_study(http):
    assert http.post("/v1/studies/s-unknown/extend", json=SMALL).status_code == 404
