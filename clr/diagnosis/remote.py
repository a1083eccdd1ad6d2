"""The service, as it tells of itself: reachable, right token, versions, database, disk, clock, tasks, workers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version

from clr.client import Client
from clr.diagnosis.finding import Finding, ok, problem, size, warning
from clr.errors import ClrError, NotFound, ServiceUnreachable, Unauthorized
from clr.protocol import VERSION
from clr.resources import About

CLOCKS_APART = 60.0


def service_side(client: Client) -> Iterator[Finding]:
    """Everything that the service answers, or why it does not."""
    try:
        about = client.about()
    except ServiceUnreachable:
        yield problem(
            "service", f"nobody answers at {client.url}", "start `clr serve`, or name it: --service, CLR_SERVICE"
        )
    except Unauthorized as error:
        yield problem("token", str(error), "set CLR_TOKEN or CLR_TOKEN_FILE to the token that `clr serve` was given")
    except NotFound:
        yield problem("service", f"{client.url} does not tell of itself", "install the same clr-sweep on both sides")
    except ClrError as error:
        yield problem("service", str(error), "read the service's log")
    else:
        yield from _told(about, client)


def _told(about: About, client: Client) -> Iterator[Finding]:
    yield _version(about, client.url)
    yield _database(about)
    yield _disk(about)
    yield _clock(about)
    yield from _workers(client)


def _version(about: About, url: str) -> Finding:
    mine = version("clr-sweep")
    if about.protocol != VERSION:
        said = f"{url} speaks protocol {about.protocol}, this machine {VERSION}"
        return problem("service", said, "install the same clr-sweep on both sides")
    if about.version != mine:
        return warning("service", f"{url} is {about.version}, this machine {mine}", "install the same version on both")
    return ok("service", f"{url} answers, version {about.version}")


def _database(about: About) -> Finding:
    kept = f"{about.engine}{f', journal {about.journal}' if about.journal else ''}, schema {about.schema_version}"
    wrong = [said for name, said in about.checks.items() if name in ("database", "schema") and said != "ok"]
    if wrong:
        return problem("database", f"{kept}: {'; '.join(wrong)}", "read the service's log")
    if about.journal not in ("", "WAL"):
        said = f"{kept}: this SQLite could lose commits under WAL, so the slower journal is used"
        return warning("database", said, "install pysqlite3 or a newer SQLite, or use PostgreSQL")
    return ok("database", kept)


def _disk(about: About) -> Finding:
    room = f"{size(about.disk_free)} of {size(about.disk_total)} free in {about.data}"
    said = about.checks.get("disk", "ok")
    return ok("disk", room) if said == "ok" else problem("disk", f"{room}: {said}", "make room, or move it with --data")


def _clock(about: About) -> Finding:
    apart = abs((about.now - datetime.now(UTC)).total_seconds())
    if apart > CLOCKS_APART:
        said = f"the service's clock is {apart:.0f} s away from this machine's"
        return warning("clock", said, "set both by NTP: leases are safe, but times in logs and answers mislead")
    return ok("clock", f"{apart:.1f} s apart, the call included")


def _workers(client: Client) -> Iterator[Finding]:
    start = f"start one: clr worker --service {client.url}"
    tasks = [task.name for task in client.tasks()]
    yield ok("tasks", ", ".join(tasks)) if tasks else warning("tasks", "no worker has announced one yet", start)
    live = [worker for worker in client.workers() if worker.live]
    if not live:
        yield warning("workers", "none is live: studies wait", start)
        return
    kinds = sorted({f"{worker.device.kind} on {worker.host}" for worker in live})
    yield ok(
        "workers", f"{len(live)} live, {sum(worker.holding for worker in live)} trials running ({'; '.join(kinds)})"
    )
