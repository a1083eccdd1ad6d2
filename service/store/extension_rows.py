"""An extension as a study's row holds it, and as the service tells of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clr.plan import Plan, cost
from clr.resources import ExtensionResource
from clr.spec import Extension
from service.store.clock import utc


def entry(extension: Extension, at: int, key: str | None, body_hash: str) -> dict[str, Any]:
    """What is stored. `at`: in ms since 1970; `key`, `body_hash`: of the request, so that it counts once."""
    asked = extension.model_dump(mode="json", include={"trials", "confirm_seeds", "peak_lr"})
    return {**asked, "at": at, "key": key, "body_hash": body_hash}


def told(plan: Plan | None, entries: Sequence[Mapping[str, Any]] | None) -> tuple[ExtensionResource, ...]:
    """The extensions of a study, in order. `plan`: with all of them."""
    if plan is None or not entries:
        return ()
    totals = [_totals(plan.after(part)) for part in range(len(entries) + 1)]
    return tuple(
        ExtensionResource(
            at=utc(stored["at"]),
            search_trials=stored["trials"],
            confirm_seeds=stored["confirm_seeds"],
            peak_lr=stored["peak_lr"],
            trials=totals[part + 1][0] - totals[part][0],
            iterations=totals[part + 1][1] - totals[part][1],
        )
        for part, stored in enumerate(entries)
    )


def _totals(plan: Plan) -> tuple[int, int]:
    """Trials and iterations of a whole plan."""
    rows = cost.work(plan)
    return sum(row.trials for row in rows), sum(row.iterations for row in rows)
