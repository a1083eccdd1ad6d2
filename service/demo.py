"""clr demo: the main job on real data, in under three minutes on two cores."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from clr.cli import exits, terminal
from clr.cli.options import Json
from clr.cli.sheet import Sheet
from clr.client import Client, StudyHandle
from clr.plots import study as picture
from clr.resources import Answer
from service import embedded
from service.store.database import FILE

SPEC: dict[str, Any] = {
    "name": "demo",
    "task": "digits",
    "arms": ["fixed", "step", "exponential", "cosine", "triangular", "triangular2", "exp_range"],
    "budget": {"epochs": 40},
    "trials": 12,
    "confirm_seeds": 10,
    "lengths": [0.5, 1.0],
}
WORKERS = 2


def demo(
    data: Annotated[Path, typer.Option("--data", help="Folder under which each run gets a new one of its own.")] = Path(
        "demo"
    ),
    json: Json = False,
) -> None:
    """Compare seven schedules on real handwritten digits: service, two workers, one study, its answer and a picture.

    Every run is a new one in a new folder; Ctrl-C leaves nothing running.
    """
    folder = data / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}"
    terminal.talk(f"clr demo: a service and {WORKERS} workers; everything stays in {folder}")
    with embedded.start(folder, workers=WORKERS) as service, Client(service.url) as client:
        embedded.wait_for_worker(client, service)
        study = client.submit(SPEC)
        terminal.talk(f"Submitted study {study.id} by POST {service.url}/v1/studies")
        with terminal.watching() as show:
            ended = study.wait(show, until_paused=True)
        found = study.best()
        drawn = _draw(study, found, folder / "demo.png")
        (folder / "report.html").write_text(study.report(), encoding="utf-8")
    terminal.document(found) if json else terminal.data(Sheet(found))
    terminal.talk(f"\n{_why_equal(found)}\n\nThe picture: {drawn}\nThe report:  {folder / 'report.html'}")
    storage = f"sqlite:///{folder / FILE}"
    terminal.talk(f"The service has stopped. For the commands above: clr serve --data {folder}")
    terminal.talk(f"For Optuna's tools: optuna.load_study(study_name={study.id!r}, storage={storage!r})")
    if ended.state != "done":
        terminal.talk(f"clr demo: study {ended.id} has {ended.state}. {ended.reason}")
        raise typer.Exit(exits.FAILED)


def _draw(study: StudyHandle, found: Answer, path: Path) -> Path:
    confirmed = [study.trial(trial.number) for trial in study.trials() if trial.phase == "confirm"]
    picture.study(found, study.range_test(), confirmed).savefig(path, dpi=110)
    return path


def _why_equal(found: Answer) -> str:
    """Why arms that can't be told apart are an answer."""
    compared = [arm for arm in found.arms if arm.difference and arm.difference.interval]
    equal = [arm.arm for arm in compared if arm.difference and arm.difference.interval and
             arm.difference.interval.low <= 0 <= arm.difference.interval.high]  # fmt: skip
    if not equal:
        return f"Every other arm can be told from {found.baseline} on these seeds."
    return (
        f"{len(equal)} of {len(compared)} arms can't be told from {found.baseline} on these seeds. That is an answer "
        "too: with every arm tuned alike, whatever the schedule is worth on a task this easy is less than these seeds "
        "can show."
    )
