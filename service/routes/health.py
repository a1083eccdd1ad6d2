"""Whether the process lives, and whether it can work."""

from __future__ import annotations

import shutil
import tempfile

from fastapi import APIRouter, Response

from clr.resources import Health
from service.parts import Parts
from service.routes.asking import Asked

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def get_health() -> Health:
    """Liveness: the process answers. Open to everyone."""
    return Health(status="ok")


@router.get("/readyz", responses={503: {"model": Health, "description": "What is wrong"}})
def get_readiness(asked: Asked, response: Response) -> Health:
    """Readiness: database, schema, disk (the data folder). 503 where one fails."""
    checks = {**asked.database.checks(), "disk": _disk(asked)}
    failing = any(check != "ok" for check in checks.values())
    response.status_code = 503 if failing else 200
    return Health(status="failing" if failing else "ok", checks=checks)


def _disk(parts: Parts) -> str:
    """The data folder is there, takes a new file, and its disk has room."""
    data, least = parts.settings.data, parts.settings.min_free
    try:
        with tempfile.TemporaryFile(dir=data):  # has no name: nothing is left where the process dies
            usage = shutil.disk_usage(data)
    except OSError as error:
        return f"can't write in {data}: {error.strerror or error}; make the folder, or give another with --data"
    free = usage.free / max(1, usage.total)
    return "ok" if free >= least else f"{free:.1%} free in {data}; at least {least:.0%} is needed"
