"""Whether the process lives, and whether it can work."""

from __future__ import annotations

import shutil

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
    """Readiness: database, schema, disk. 503 where one fails."""
    checks = {**asked.database.checks(), "disk": _disk(asked)}
    failing = any(check != "ok" for check in checks.values())
    response.status_code = 503 if failing else 200
    return Health(status="failing" if failing else "ok", checks=checks)


def _disk(parts: Parts) -> str:
    usage = shutil.disk_usage(parts.settings.data)
    free = usage.free / usage.total
    enough = free >= parts.settings.min_free
    return (
        "ok"
        if enough
        else f"{free:.1%} free in {parts.settings.data}; at least {parts.settings.min_free:.0%} is needed"
    )
