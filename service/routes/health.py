"""Whether the process lives, and whether it can work."""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from fastapi import APIRouter, Response

from clr.protocol import VERSION
from clr.resources import About, Health
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
    checks = _checks(asked)
    failing = any(check != "ok" for check in checks.values())
    response.status_code = 503 if failing else 200
    return Health(status="failing" if failing else "ok", checks=checks)


@router.get("/v1/about")
def get_about(asked: Asked) -> About:
    """Versions, database, disk and clock of the service, with the checks of its readiness: what `clr doctor` reads."""
    engine, journal, schema = asked.database.engine()
    usage = shutil.disk_usage(next(folder for folder in _upwards(asked.settings.data) if folder.exists()))
    return About(
        version=version("clr-sweep"),
        protocol=VERSION,
        engine=engine,
        journal=journal,
        schema_version=schema,
        data=str(asked.settings.data),
        disk_free=usage.free,
        disk_total=usage.total,
        now=datetime.now(UTC),
        checks=_checks(asked),
    )


def _upwards(folder: Path) -> tuple[Path, ...]:
    return folder.absolute(), *folder.absolute().parents


def _checks(asked: Parts) -> dict[str, str]:
    return {**asked.database.checks(), "disk": _disk(asked)}


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
