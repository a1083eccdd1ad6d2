from __future__ import annotations

import json
import logging
import time
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from clr.client import Client, is_temporary
from clr.errors import (
    Conflict,
    FieldError,
    NotFound,
    RequestRefused,
    ServiceError,
    ServiceUnreachable,
    Unauthorized,
    UpgradeNeeded,
)
from clr.protocol import LeaseRequest
from clr.resources import StudyResource
from clr.spec import parse

TOKEN = "canary-0123456789-0123456789-0123456789"
SPEC = {"task": "digits", "arms": ["fixed"]}
COUNTS = {"planned": 3, "waiting": 3, "running": 0, "done": 0, "diverged": 0, "failed": 0}


def a_summary(number: int, state: str = "queued") -> dict[str, Any]:
    return {
        "id": f"s{number}",
        "name": "",
        "task": "digits",
        "state": state,
        "phase": None,
        "priority": 0,
        "created_at": "2026-01-01T00:00:00Z",
        "ended_at": None,
        "slots": COUNTS,
    }


def a_study(state: str) -> dict[str, Any]:
    rest = {"started_at": None, "spec": SPEC, "plan": None, "progress": [], "seconds_left": None}
    return a_summary(1, state) | rest


def test_a_submitted_study_is_known_by_its_id(scripted) -> None:
    scripted.answer(201, {"id": "s1"})

    study = Client(scripted.url).submit(SPEC)

    assert study.id == "s1"
    assert json.loads(scripted.asked[0].body) == {**SPEC, "owner": "ada"}
    assert scripted.asked[0].headers["Content-Type"] == "application/json"


def test_a_spec_value_is_sent_as_the_user_wrote_it(scripted) -> None:
    scripted.answer(201, {"id": "s1"})

    Client(scripted.url).submit(parse(SPEC))

    sent = json.loads(scripted.asked[0].body)
    assert parse(sent) == parse({**SPEC, "owner": "ada"})
    assert "trials" not in sent


@pytest.mark.parametrize("owner", ["", "bob"])
def test_an_owner_that_the_spec_names_stands(scripted, owner) -> None:
    scripted.answer(201, {"id": "s1"})

    Client(scripted.url).submit({**SPEC, "owner": owner})

    assert json.loads(scripted.asked[0].body)["owner"] == owner


def test_without_a_name_in_the_environment_the_login_owns_a_study(scripted, monkeypatch) -> None:
    scripted.answer(201, {"id": "s1"})
    monkeypatch.delenv("CLR_OWNER")
    monkeypatch.setenv("LOGNAME", "grace")

    Client(scripted.url).submit(SPEC)

    assert json.loads(scripted.asked[0].body)["owner"] == "grace"


def test_a_submit_that_is_sent_again_keeps_its_key(scripted) -> None:
    scripted.problem(503, "unavailable", "busy").answer(201, {"id": "s1"})

    Client(scripted.url).submit(SPEC)

    keys = [asked.headers["Idempotency-Key"] for asked in scripted.asked]
    assert len(keys) == 2
    assert keys[0] == keys[1]


def test_two_submits_have_two_keys(scripted) -> None:
    scripted.answer(201, {"id": "s1"})
    client = Client(scripted.url)

    client.submit(SPEC)
    client.submit(SPEC)

    assert scripted.asked[0].headers["Idempotency-Key"] != scripted.asked[1].headers["Idempotency-Key"]


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
def test_a_temporary_refusal_is_tried_again(scripted, status: int) -> None:
    scripted.problem(status, "unavailable", "busy").answer(200, {"status": "ok"})

    assert Client(scripted.url).health().status == "ok"


@pytest.mark.parametrize("status", [400, 403, 413, 422, 500])
def test_another_refusal_is_not_tried_again(scripted, status: int) -> None:
    scripted.problem(status, "refused", "no")

    with pytest.raises(RequestRefused) as refused:
        Client(scripted.url).health()

    assert refused.value.status == status
    assert len(scripted.asked) == 1


def test_tries_end_with_the_last_refusal(scripted) -> None:
    scripted.problem(503, "unavailable", "busy")

    with pytest.raises(RequestRefused, match="busy") as refused:
        Client(scripted.url, retries=2).health()

    assert len(scripted.asked) == 3
    assert is_temporary(refused.value)


def test_the_pause_that_the_service_asks_for_is_kept(scripted) -> None:
    scripted.problem(429, "busy", "slow down", Retry_After="1").answer(200, {"status": "ok"})
    began = time.monotonic()

    Client(scripted.url).health()

    assert time.monotonic() - began >= 1.0


def test_a_pause_may_be_asked_for_as_a_date(scripted) -> None:
    past = format_datetime(datetime(2020, 1, 1, tzinfo=UTC), usegmt=True)
    scripted.problem(503, "busy", "later", Retry_After=past).answer(200, {"status": "ok"})

    assert Client(scripted.url).health().status == "ok"


def test_a_conflict_is_not_tried_again(scripted) -> None:
    scripted.problem(409, "conflict", "the key was used for another spec")

    with pytest.raises(Conflict, match="another spec"):
        Client(scripted.url).submit(SPEC)

    assert len(scripted.asked) == 1


def test_a_request_in_flight_is_tried_again(scripted) -> None:
    scripted.problem(409, "idempotency-in-flight", "wait").answer(201, {"id": "s1"})

    assert Client(scripted.url).submit(SPEC).id == "s1"


def test_nobody_at_the_address_is_said_with_the_address() -> None:
    with pytest.raises(ServiceUnreachable, match=r"http://127\.0\.0\.1:9.*clr serve") as unreachable:
        Client("http://127.0.0.1:9", retries=1).health()

    assert is_temporary(unreachable.value)


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [(401, "unauthorized", Unauthorized), (404, "not-found", NotFound), (426, "upgrade-needed", UpgradeNeeded)],
)
def test_a_refusal_becomes_the_error_of_its_kind(scripted, status: int, kind: str, error: type[Exception]) -> None:
    scripted.problem(status, kind, "the reason in words")

    with pytest.raises(error, match="the reason in words"):
        Client(scripted.url).study("s1").status()


def test_every_error_of_a_spec_is_told_by_field(scripted) -> None:
    wrong = [{"pointer": "/budget", "detail": "is 0"}, {"pointer": "/arms/1", "detail": "is unknown"}]
    scripted.problem(422, "invalid-request", "2 things are wrong", wrong)

    with pytest.raises(RequestRefused) as refused:
        Client(scripted.url).submit(SPEC)

    assert refused.value.errors == (FieldError("/budget", "is 0"), FieldError("/arms/1", "is unknown"))
    assert "/arms/1: is unknown" in str(refused.value)


def test_a_refusal_that_is_no_problem_document_is_still_understood(scripted) -> None:
    scripted.answer(400, b"<html>bad gateway</html>")

    with pytest.raises(RequestRefused, match="400"):
        Client(scripted.url).health()


def test_an_answer_of_another_program_is_said(scripted) -> None:
    scripted.answer(200, {"hello": "world"})

    with pytest.raises(ServiceError, match="CLR sweep service"):
        Client(scripted.url).health()


def test_the_token_is_sent_and_shown_nowhere(scripted, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    scripted.problem(401, "unauthorized", "wrong")
    client = Client(scripted.url, TOKEN)

    with pytest.raises(Unauthorized) as refused:
        client.health()

    assert scripted.asked[0].headers["Authorization"] == f"Bearer {TOKEN}"
    for text in (repr(client), repr(vars(client)), repr(client.study("s1")), repr(refused.value), caplog.text):
        assert TOKEN not in text


def test_a_token_that_no_header_can_hold_is_refused_unquoted() -> None:
    with pytest.raises(Unauthorized) as refused:
        Client("http://127.0.0.1:9", f"{TOKEN}\nX: y")

    assert TOKEN not in str(refused.value)


def test_address_and_token_come_from_the_environment(scripted, monkeypatch, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN + "\n")
    monkeypatch.setenv("CLR_SERVICE", scripted.url)
    monkeypatch.setenv("CLR_TOKEN_FILE", str(tmp_path / "token"))
    scripted.answer(200, {"status": "ok"})

    Client().health()

    assert scripted.asked[0].headers["Authorization"] == f"Bearer {TOKEN}"


def test_a_token_file_that_is_not_there_is_named(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CLR_TOKEN_FILE", str(tmp_path / "absent"))

    with pytest.raises(Unauthorized, match="absent"):
        Client()


def test_without_a_token_no_authorization_is_sent(scripted) -> None:
    scripted.answer(200, {"status": "ok"})

    Client(scripted.url).health()

    assert "Authorization" not in scripted.asked[0].headers


def test_a_list_is_read_page_by_page(scripted) -> None:
    scripted.answer(200, {"items": [a_summary(1), a_summary(2)], "next_cursor": "abc"})
    scripted.answer(200, {"items": [a_summary(3)], "next_cursor": None})

    studies = list(Client(scripted.url).studies(state="queued"))

    assert [study.id for study in studies] == ["s1", "s2", "s3"]
    assert "state=queued" in scripted.asked[1].path
    assert "cursor=abc" in scripted.asked[1].path


def test_waiting_looks_until_the_study_has_ended(scripted) -> None:
    scripted.answer(200, a_study("queued")).answer(200, a_study("running")).answer(200, a_study("done"))
    seen: list[StudyResource] = []

    ended = Client(scripted.url).study("s1").wait(seen.append, poll=0.01)

    assert ended.state == "done"
    assert [study.state for study in seen] == ["queued", "running", "done"]


def test_waiting_outlasts_a_restart_of_the_service(scripted) -> None:
    scripted.answer(200, a_study("running")).problem(503, "unavailable", "starting").answer(200, a_study("done"))

    assert Client(scripted.url, retries=0).study("s1").wait(poll=0.01).state == "done"


def test_waiting_ends_where_the_service_stays_away(scripted) -> None:
    scripted.problem(503, "unavailable", "gone")

    with pytest.raises(RequestRefused, match="gone"):
        Client(scripted.url, retries=0).study("s1").wait(poll=0.01, max_offline=0.05)


def test_waiting_for_a_study_that_is_deleted_ends(scripted) -> None:
    scripted.answer(200, a_study("running")).problem(404, "not-found", "no such study")

    with pytest.raises(NotFound):
        Client(scripted.url).study("s1").wait(poll=0.01)


def test_a_list_of_trials_is_narrowed(scripted) -> None:
    scripted.answer(200, {"items": [], "next_cursor": None})

    assert list(Client(scripted.url).study("s1").trials(phase="confirm", arm="fixed", state="done")) == []

    assert scripted.asked[0].path == "/v1/studies/s1/trials?phase=confirm&arm=fixed&state=done&limit=100"


def test_cancelling_answers_with_the_study(scripted) -> None:
    scripted.answer(200, a_study("cancelled"))

    assert Client(scripted.url).study("s1").cancel().state == "cancelled"


def test_waiting_gives_up_after_its_timeout(scripted) -> None:
    scripted.answer(200, a_study("running"))

    with pytest.raises(TimeoutError, match="still running"):
        Client(scripted.url).study("s1").wait(poll=0.01, timeout=0.05)


def test_a_long_wait_for_a_lease_is_not_cut_by_the_timeout(scripted) -> None:
    scripted.answer(200, {"leases": [], "lease_seconds": 60.0}).thinks = 0.5
    client = Client(scripted.url, timeout=0.2, retries=0)

    assert client.lease(LeaseRequest(worker="w", wait=30.0)).leases == ()
    with pytest.raises(ServiceUnreachable):
        client.lease(LeaseRequest(worker="w", wait=0.0))


def test_a_number_that_is_none_is_left_to_the_service_to_name(scripted) -> None:
    scripted.problem(422, "invalid-request", "1 thing is wrong", [{"pointer": "/target", "detail": "NaN"}])

    with pytest.raises(RequestRefused, match="/target"):
        Client(scripted.url).submit(SPEC | {"target": float("nan")})
