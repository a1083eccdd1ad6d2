"""The worker's side: register, lease, renew, release, report, results. Batched, fenced, one answer per slot."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request

from clr.errors import UpgradeNeeded
from clr.protocol import (
    VERSION,
    Answers,
    Lease,
    LeaseRequest,
    Leases,
    Registered,
    Registration,
    Release,
    Renewal,
    Reports,
    Results,
)
from clr.resources import Page, WorkerResource
from service.parts import Parts
from service.problems import documented
from service.routes.asking import Asked, Document, Store, body_of, message
from service.store import estimates, leases, reports, results, workers

router = APIRouter(prefix="/v1", tags=["workers"])
EXAMPLE = {
    "worker": "7a0a1f0e-6f0e-4a53-9f5b-0f3f6c1f7d11", "host": "gpu-7", "tasks": [],
    "device": {"name": "cpu", "kind": "cpu"},
}  # fmt: skip
# Slots also come free without a ring: a lease expires, or another service process on the same database opens a round.
LOOK_AGAIN = 1.0


def _speak_the_same(document: Document) -> None:
    """The version comes first: another version's fields need not be ours."""
    version = document.get("protocol", VERSION) if isinstance(document, dict) else VERSION
    if version != VERSION:
        raise UpgradeNeeded(
            f"The worker speaks protocol {version!r}, this service {VERSION}: "
            "install the same version of clr-sweep on both."
        )


@router.get("/workers")
def list_workers(store: Store) -> Page[WorkerResource]:
    """Who runs trials, live or gone."""
    return Page(items=tuple(workers.list(store)))


@router.post(
    "/workers",
    responses=documented(426),
    dependencies=[Depends(_speak_the_same)],
    openapi_extra=body_of(Registration, EXAMPLE),
)
def register_worker(asked: Asked, registration: Annotated[Registration, message(Registration)]) -> Registered:
    """Announces a worker and the tasks that it can run."""
    workers.register(asked.database, registration)
    settings = asked.settings
    return Registered(
        worker=registration.worker, lease_seconds=settings.lease_seconds, beat_seconds=settings.beat_seconds
    )


@router.post("/leases", responses=documented(404), openapi_extra=body_of(LeaseRequest))
async def lease_slots(request: Request, asked: Asked, wanted: Annotated[LeaseRequest, message(LeaseRequest)]) -> Leases:
    """Up to `count` slots that this worker can run; waits up to `wait` seconds for the first."""
    if asked.doorbell.closed:
        raise HTTPException(503, "The service is stopping: it hands out nothing more.", {"Retry-After": "5"})
    deadline = time.monotonic() + wanted.wait
    granted = await run_in_threadpool(_lease, asked, wanted)
    while not granted and (left := deadline - time.monotonic()) > 0 and not asked.doorbell.closed:
        await asked.doorbell.wait(min(left, LOOK_AGAIN))
        if await request.is_disconnected():  # nobody would hear of the lease
            break
        granted = await run_in_threadpool(_lease, asked, wanted)
    return Leases(leases=granted, lease_seconds=asked.settings.lease_seconds)


def _lease(asked: Parts, wanted: LeaseRequest) -> tuple[Lease, ...]:
    """Leases what is open; where nothing is, first opens rounds that are due, so that a crash before that heals."""
    seconds = asked.settings.lease_seconds
    granted = leases.lease(asked.database, wanted, seconds)
    if not granted and asked.opener.open_due():
        granted = leases.lease(asked.database, wanted, seconds)
    return granted


@router.post("/leases/renew", openapi_extra=body_of(Renewal))
def renew_leases(asked: Asked, renewal: Annotated[Renewal, message(Renewal)]) -> Answers:
    """The worker's beat: it still holds these."""
    return leases.renew(asked.database, renewal, asked.settings.lease_seconds)


@router.post("/leases/release", openapi_extra=body_of(Release))
def release_leases(asked: Asked, release: Annotated[Release, message(Release)]) -> Answers:
    """Gives slots and their attempts back."""
    answers = leases.release(asked.database, release)
    asked.doorbell.ring()
    return answers


@router.post("/reports", openapi_extra=body_of(Reports))
def report_progress(asked: Asked, report: Annotated[Reports, message(Reports)]) -> Answers:
    """New evaluations and checkpoints of running slots."""
    answers, paced = reports.report(asked.database, report, asked.settings.lease_seconds)
    estimates.hold(asked.database, paced)
    return answers


@router.post("/results", openapi_extra=body_of(Results))
def finish_slots(asked: Asked, finished: Annotated[Results, message(Results)]) -> Answers:
    """How attempts ended; opens the rounds that this made due."""
    answers, ended, used = results.finish(asked.database, finished)
    asked.opener.open(ended)
    estimates.hold(asked.database, used)
    asked.doorbell.ring()
    return answers
