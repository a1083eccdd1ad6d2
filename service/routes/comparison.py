"""The arms of one study against each other."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from clr.analysis import pairing
from clr.errors import Conflict
from clr.findings import ArmComparison
from service.problems import documented
from service.routes.asking import Asked, StudyId, known_filters
from service.store import slots, studies

router = APIRouter(prefix="/v1/studies", tags=["studies"])
Arm = Annotated[str, Query(pattern=r"^[A-Za-z0-9._-]{1,64}$")]


@router.get("/{study}/comparison", responses=documented(404, 409), dependencies=[Depends(known_filters)])
def compare_arms(
    asked: Asked,
    study: StudyId,
    arm: Annotated[list[Arm], Query(description="an arm to show; may be repeated; all if left out")] = [],  # noqa: B006
    baseline: Annotated[
        Arm | None, Query(description="what they are compared with; the study's own if left out")
    ] = None,
) -> ArmComparison:
    """Paired differences of the confirmed arms to any of them, with simultaneous intervals and the values by seed."""
    stored = studies.load(asked.database, study)
    if stored.plan is None:
        raise Conflict(f"Study {study} has no plan yet: a worker first finds out the sizes of the task's data.")
    trials = slots.trials(asked.database, study, curves="none")
    return pairing.compared(stored.plan, trials, asked.answers.of(study), arm, baseline)
