"""A study's stored data as files."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from clr.errors import Conflict, FieldError, InvalidSpec
from service import export, journal
from service.parts import Parts
from service.problems import documented
from service.routes.asking import Asked, StudyId
from service.store import slots, studies

router = APIRouter(prefix="/v1/studies", tags=["studies"])


@router.get("/{study}/export", response_class=Response, responses=documented(404, 409))
def export_study(
    asked: Asked,
    study: StudyId,
    table: Annotated[
        export.Table, Query(description="what: every slot, every evaluation, or finalists' rates")
    ] = "trials",
    format: Annotated[
        export.Format,
        Query(description="file format; optuna: the record, as Optuna's journal"),
    ] = "csv",
) -> Response:
    """Trials, curves or the finalists' rate traces as JSON, CSV or Parquet, or the record for Optuna's tools."""
    content = _record(asked, study, table) if format == "optuna" else _table(asked, study, table, format)
    name = f"{study}.log" if format == "optuna" else f"{study}-{table}.{format}"
    disposition = f'attachment; filename="{name}"'
    return Response(content, media_type=export.MEDIA_TYPES[format], headers={"Content-Disposition": disposition})


def _table(asked: Parts, study: str, table: export.Table, form: Literal["json", "csv", "parquet"]) -> bytes:
    studies.load(asked.database, study)
    found = asked.answers.of(study) if table == "rates" else None
    trials = slots.whole(asked.database, study) if table != "rates" else ()
    return export.encode(export.rows(table, found, trials), form)


def _record(asked: Parts, study: str, table: export.Table) -> bytes:
    if table != "trials":
        raise InvalidSpec([FieldError("/query/table", f"must be trials where format is optuna, got {table!r}")])
    stored = studies.load(asked.database, study)
    if stored.plan is None:
        raise Conflict(f"Study {study} has no record yet: a worker first finds out the sizes of the task's data.")
    trials = slots.trials(asked.database, study, curves="all")
    return journal.written(study, stored.plan, trials, asked.answers.of(study))
