"""A service that several people share: plans and estimates, pauses, priorities, whose turn it is."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from clr.errors import InvalidSpec
from clr.plan import cost
from clr.resources import StudyResource
from clr.spec import StudySpec
from clr.turns import PauseRequest, PlanResource, Queue, ResumeRequest, StudyChange
from service import submission
from service.problems import documented
from service.routes.asking import Asked, Document, Store, StudyId, body_of, message, optional_message
from service.store import estimates, pauses, queue, studies, workers

router = APIRouter(prefix="/v1", tags=["studies"])
EXAMPLE = {"task": "digits", "arms": ["fixed", "cosine", "triangular2"]}


@router.post("/plan", openapi_extra=body_of(StudySpec, EXAMPLE))
def plan_study(asked: Asked, document: Document) -> PlanResource:
    """What a study would train and how long that would take, by phase and arm; nothing is stored. 422 as for submit."""
    caps = asked.settings.caps
    found = submission.prepare(document, workers.facts(asked.database), caps)
    pace = estimates.pace(asked.database, found.plan) if found.plan else None
    rows = cost.work(found.plan, pace[0] if pace else None) if found.plan else ()
    return PlanResource(
        task=found.spec.task.name,
        model=found.plan.base.model if found.plan else None,
        trials=sum(row.trials for row in rows),
        iterations=sum(row.iterations for row in rows),
        evaluations=sum(row.evaluations for row in rows),
        work=rows,
        estimated_seconds=sum(row.seconds or 0.0 for row in rows) if pace else None,
        device_kind=pace[1] if pace else None,
        max_device_hours=caps.seconds(found.spec) / 3600,
        notes=found.plan.notes if found.plan else ("A worker first looks at the task's data.",),
    )


@router.get("/queue", responses=documented(404))
def get_queue(
    store: Store, study: Annotated[str | None, Query(max_length=64, description="this one alone")] = None
) -> Queue:
    """Live studies in the order in which they get the next free worker: what runs before mine, and when mine starts."""
    return queue.read(store, study)


@router.post("/studies/{study}/pause", responses=documented(404, 409), openapi_extra=body_of(PauseRequest))
def pause_study(
    asked: Asked, study: StudyId, wanted: Annotated[PauseRequest, optional_message(PauseRequest)]
) -> StudyResource:
    """No slot of it is handed out; running trials save, stop and are given back within one evaluation interval."""
    pauses.pause(asked.database, study, wanted.reason or "on request")
    return studies.get(asked.database, study)


@router.post("/studies/{study}/resume", responses=documented(404, 409), openapi_extra=body_of(ResumeRequest))
def resume_study(
    asked: Asked, study: StudyId, wanted: Annotated[ResumeRequest, optional_message(ResumeRequest)]
) -> StudyResource:
    """A paused study goes on, from the checkpoints of its trials. It accepts what the study is now known to take."""
    limit = wanted.max_device_hours
    if limit is not None and (wrong := list(asked.settings.caps.hours_exceeded(limit))):
        raise InvalidSpec(wrong)
    seconds = None if limit is None else 3600 * limit
    estimated = estimates.accepted(asked.database, study, seconds)
    pauses.resume(asked.database, study, max_seconds=seconds, estimated_seconds=estimated)
    asked.doorbell.ring()
    return studies.get(asked.database, study)


@router.patch("/studies/{study}", responses=documented(404, 409), openapi_extra=body_of(StudyChange))
def change_study(asked: Asked, study: StudyId, wanted: Annotated[StudyChange, message(StudyChange)]) -> StudyResource:
    """Another priority: higher runs first."""
    pauses.prioritise(asked.database, study, wanted.priority)
    return studies.get(asked.database, study)
