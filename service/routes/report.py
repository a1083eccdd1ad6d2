"""The report: one self-contained HTML file."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from service import report
from service.problems import documented
from service.routes.asking import Asked, StudyId
from service.routes.studies import get_range_test
from service.store import slots, studies

router = APIRouter(prefix="/v1/studies", tags=["studies"])


@router.get("/{study}/report", response_class=HTMLResponse, responses=documented(404))
def get_report(asked: Asked, study: StudyId) -> HTMLResponse:
    """The answer with its figures and how it was done, as one HTML file that needs nothing else."""
    store = asked.database
    found = studies.get(store, study)
    answer, test = asked.answers.of(study), get_range_test(store, study)
    return HTMLResponse(report.render(found, answer, test, slots.whole(store, study)))
