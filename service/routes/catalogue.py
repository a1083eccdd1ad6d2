"""What can be run: tasks and schedule families, with JSON schemas."""

from __future__ import annotations

import inspect

from fastapi import APIRouter

from clr import schedules, search_space
from clr.resources import Page, ScheduleResource, TaskResource
from clr.schedules.registry import FAMILIES
from service.routes.asking import Store
from service.store import workers

router = APIRouter(prefix="/v1", tags=["catalogue"])


@router.get("/tasks")
def list_tasks(store: Store) -> Page[TaskResource]:
    """Every task that a worker announced, with the JSON schema of its options; `live`: workers that have it now."""
    live = [task for worker in workers.list(store) if worker.live for task in worker.tasks]
    facts = sorted(workers.facts(store).items())
    return Page(items=tuple(TaskResource(**known.model_dump(), live=live.count(name)) for name, known in facts))


@router.get("/schedules")
def list_schedules() -> Page[ScheduleResource]:
    """Every schedule family that a study can take as an arm."""
    return Page(items=tuple(_schedule(family) for family in schedules.names()))


def _schedule(family: str) -> ScheduleResource:
    text = inspect.cleandoc(FAMILIES[family].__doc__ or "")
    return ScheduleResource(
        family=family,
        description=" ".join(text.partition("\n\n")[0].split()),
        parameters=schedules.json_schema(family),
        coordinates=search_space.coordinates(family),
    )
