"""The confirmed best over all studies."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from clr.findings import Findings
from service.pagination import DEFAULT_LIMIT
from service.routes.asking import Cursor, Limit, Store, known_filters
from service.store import findings

router = APIRouter(prefix="/v1", tags=["studies"])


def _only(what: str) -> object:
    return Query(pattern=r"^[A-Za-z0-9._/-]{1,72}$", description=f"only this {what}")


@router.get("/best", dependencies=[Depends(known_filters)])
def list_findings(
    store: Store,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
    task: Annotated[str | None, _only("task")] = None,
    model: Annotated[str | None, _only("model")] = None,
    optimizer: Annotated[str | None, _only("optimizer")] = None,
    setting: Annotated[str | None, _only("setting, as the items name it")] = None,
) -> Findings:
    """What every study that is over has confirmed as best, a moment after it ended; not paired: see `note`."""
    return findings.page(store, cursor, limit, task=task, model=model, optimizer=optimizer, setting=setting)
