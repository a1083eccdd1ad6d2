"""A study's stored data as files."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from service import export
from service.problems import documented
from service.routes.asking import Asked, StudyId
from service.store import slots, studies

router = APIRouter(prefix="/v1/studies", tags=["studies"])


@router.get("/{study}/export", response_class=Response, responses=documented(404))
def export_study(
    asked: Asked,
    study: StudyId,
    table: Annotated[
        export.Table, Query(description="what: every slot, every evaluation, or finalists' rates")
    ] = "trials",
    format: Annotated[export.Format, Query(description="file format")] = "csv",
) -> Response:
    """Trials, curves or the finalists' rate traces as JSON, CSV or Parquet."""
    studies.load(asked.database, study)
    found = asked.answers.of(study) if table == "rates" else None
    trials = slots.whole(asked.database, study) if table != "rates" else ()
    content = export.encode(export.rows(table, found, trials), format)
    name = f'attachment; filename="{study}-{table}.{format}"'
    return Response(content, media_type=export.MEDIA_TYPES[format], headers={"Content-Disposition": name})
