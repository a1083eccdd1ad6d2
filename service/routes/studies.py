"""A user's side: submit a study, look at it, stop it, take its answer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Response

from clr import rounds
from clr.errors import FieldError, InvalidSpec
from clr.resources import (
    Answer,
    Page,
    RangeTestResource,
    StudyResource,
    StudyState,
    StudySummary,
    TrialResource,
    TrialState,
)
from clr.results import Phase
from clr.spec import Extension, StudySpec
from service import extension, submission
from service.pagination import DEFAULT_LIMIT
from service.problems import documented
from service.routes.asking import Asked, Cursor, Document, Limit, Number, Store, StudyId, body_of, known_filters
from service.store import estimates, slots, studies, workers

router = APIRouter(prefix="/v1/studies", tags=["studies"])
MORE = {"trials": 8, "confirm_seeds": 3}
EXAMPLE = {"task": "digits", "arms": ["fixed", "cosine", "triangular2"]}
Word = Annotated[str, Query(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
Text = Annotated[str, Query(pattern=r"^[^\x00]{1,200}$")]
Key = Annotated[
    str | None,
    Header(alias="Idempotency-Key", min_length=1, max_length=200, description="the same key gives the same study"),
]


@router.post("", status_code=201, responses=documented(409), openapi_extra=body_of(StudySpec, EXAMPLE))
def submit_study(asked: Asked, document: Document, response: Response, key: Key = None) -> StudyResource:
    """Stores a study with its first slots. 422 lists everything wrong with it, by field."""
    caps = asked.settings.caps
    found = submission.prepare(document, workers.facts(asked.database), caps)
    limit, estimate = caps.seconds(found.spec), estimates.of_plan(asked.database, found.plan) if found.plan else None
    if key is None or not studies.is_stored(asked.database, key):  # the same request again gets the same answer
        estimates.refuse_above(limit, estimate)
    study, created = studies.submit(
        asked.database,
        found.spec,
        found.facts,
        found.plan,
        found.first,
        key=key,
        body_hash=found.body_hash,
        max_seconds=limit,
        estimated_seconds=estimate.seconds if estimate else None,
    )
    asked.doorbell.ring()
    response.headers["Location"] = f"/v1/studies/{study}"
    if not created:
        response.headers["Idempotency-Replayed"] = "true"
    return studies.get(asked.database, study)


@router.get("", dependencies=[Depends(known_filters)])
def list_studies(
    store: Store,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
    state: Annotated[StudyState | None, Query(description="only those in this state")] = None,
    task: Annotated[Word | None, Query(description="only those of this task")] = None,
    owner: Annotated[Text | None, Query(description="only those of this owner")] = None,
    name: Annotated[Text | None, Query(description="only those whose name holds this, in any case")] = None,
    created_after: Annotated[
        datetime | None, Query(description="only those submitted after this time, with its offset from UTC")
    ] = None,
) -> Page[StudySummary]:
    """Every study, newest first."""
    wanted = studies.Wanted(state=state, task=task, owner=owner, name=name, after=_milliseconds(created_after))
    return studies.page(store, cursor, limit, wanted)


def _milliseconds(moment: datetime | None) -> int | None:
    if moment is None:
        return None
    if moment.tzinfo is None:
        detail = f"must say its offset from UTC, e.g. 2026-01-31T12:00:00Z, got {moment.isoformat()}"
        raise InvalidSpec([FieldError("/query/created_after", detail)])
    return int(moment.timestamp() * 1000)


@router.get("/{study}", responses=documented(404))
def get_study(store: Store, study: StudyId) -> StudyResource:
    """One study: spec, plan, state, phase, slots per arm and phase, time left."""
    return studies.get(store, study)


@router.post("/{study}/cancel", responses=documented(404, 409))
def cancel_study(asked: Asked, study: StudyId) -> StudyResource:
    """No slot of it starts any more; running trials stop within one evaluation interval."""
    studies.cancel(asked.database, study)
    return studies.get(asked.database, study)


@router.post("/{study}/extend", responses=documented(404, 409), openapi_extra=body_of(Extension, MORE))
def extend_study(
    asked: Asked, study: StudyId, document: Document, response: Response, key: Key = None
) -> StudyResource:
    """More search trials or confirm seeds of a study, none of them twice; one that has ended goes on. The same key with
    the same body extends once."""
    if not extension.apply(asked.database, study, document, asked.settings.caps, key=key):
        response.headers["Idempotency-Replayed"] = "true"
    asked.opener.open([study])
    return studies.get(asked.database, study)


@router.delete("/{study}", status_code=204, responses=documented(404))
def delete_study(store: Store, study: StudyId) -> None:
    """The study, its trials and its record are gone; running trials stop as if it were cancelled."""
    studies.delete(store, study)


@router.get("/{study}/trials", responses=documented(404), dependencies=[Depends(known_filters)])
def list_trials(
    store: Store,
    study: StudyId,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
    phase: Annotated[Phase | None, Query(description="only this phase")] = None,
    arm: Annotated[str | None, Query(pattern=r"^[A-Za-z0-9._-]{1,64}$", description="only this arm")] = None,
    state: Annotated[TrialState | None, Query(description="only those in this state")] = None,
) -> Page[TrialResource]:
    """The slots that are open or over, by number, without curves."""
    return slots.page(store, study, cursor, limit, phase=phase, arm=arm, state=state)


@router.get("/{study}/trials/{number}", responses=documented(404))
def get_trial(store: Store, study: StudyId, number: Number) -> TrialResource:
    """One slot: parameters, outcome, attempts with host and device, curve; why it failed."""
    return slots.get(store, study, number)


@router.get("/{study}/range-test", responses=documented(404))
def get_range_test(store: Store, study: StudyId) -> RangeTestResource:
    """Curves of the LR range test and the bounds that they suggest."""
    stored = studies.load(store, study)
    if stored.plan is None:
        return RangeTestResource(
            study=study, status="waiting", low=None, high=None, ramp_iterations=None, curves=(), reading=None,
            interval=None, interval_source=None, notes=("A worker first finds out the task's sizes.",),
        )  # fmt: skip
    found = rounds.range_test(stored.plan, slots.trials(store, study, curves="range-test"))
    return found.model_copy(update={"study": study})


@router.get("/{study}/best", responses=documented(404))
def get_best_schedule(asked: Asked, study: StudyId) -> Answer:
    """The arms ranked, with evidence, and the best schedule; `status` says whether they are confirmed."""
    return asked.answers.of(study)
