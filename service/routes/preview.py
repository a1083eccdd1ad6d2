"""What a schedule does over a run, before anything trains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter

from clr import schedules
from clr.errors import FieldError, InvalidSchedule, InvalidSpec, UnknownName
from clr.resources import PreviewRequest, SchedulePreview
from service.routes.asking import body_of, message

router = APIRouter(prefix="/v1", tags=["catalogue"])
EXAMPLE = {
    "schedule": {"family": "triangular2", "base_lr": 0.001, "max_lr": 0.006, "step_size": 2000},
    "iterations": 12_000, "points": 241,
}  # fmt: skip
_AT = "/schedule"


@router.post("/schedules/preview", openapi_extra=body_of(PreviewRequest, EXAMPLE))
def preview_schedule(asked: Annotated[PreviewRequest, message(PreviewRequest)]) -> SchedulePreview:
    """The learning rates of any schedule over a run, by the function that training uses."""
    try:
        schedule = schedules.from_dict(asked.schedule)
        at, rates = schedule.sampled(asked.iterations, asked.points)
    except UnknownName as error:
        raise _invalid(_place(asked.schedule, error.name, "family", error.name), str(error)) from None
    except InvalidSchedule as error:
        family = None if error.parameter == "family" else error.family  # a mapping that names none
        raise _invalid(_place(asked.schedule, family, error.parameter, error.value), str(error)) from None
    if not np.isfinite(rates).all():
        raise _invalid(_AT, f"the rate grows beyond all numbers by iteration {at[~np.isfinite(rates)][0]}")
    return SchedulePreview(schedule=schedule.to_dict(), iterations=tuple(at.tolist()), rates=tuple(rates.tolist()))


def _invalid(pointer: str, detail: str) -> InvalidSpec:
    return InvalidSpec([FieldError(pointer, detail)])


def _place(document: Mapping[str, Any], family: object, parameter: str, value: object) -> str:
    """JSON pointer to a parameter that an error names, in the schedule or in one within it."""
    places = [(at, part) for at, part in _documents(document, _AT) if part.get("family") == family]
    exact = [at for at, part in places if part.get(parameter) == value]
    if exact or places:
        return f"{exact[0] if exact else places[0][0]}/{_escaped(parameter)}"
    return f"{_AT}/{_escaped(parameter)}" if parameter in document else _AT


def _documents(value: Any, at: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every mapping within a document, itself first, with its JSON pointer."""
    if isinstance(value, Mapping):
        yield at, value
        for name, inner in value.items():
            yield from _documents(inner, f"{at}/{_escaped(name)}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _documents(inner, f"{at}/{index}")


def _escaped(name: str) -> str:
    """A key as part of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")
