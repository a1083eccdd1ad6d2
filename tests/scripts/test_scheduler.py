"""`run.scheduler`: the unit is the optimizer update."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

import clr
from clr.schedules import Triangular
from clr.scripts.files import Assignment

SCHEDULE = Triangular(base_lr=0.01, max_lr=0.05, step_size=4)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> clr.Run:
    Assignment(
        phase="search",
        iterations=12,
        evaluate_every=1,
        seed=0,
        split_seed=0,
        schedule=SCHEDULE.to_dict(),
        rates_file="",
        metrics_file=str(tmp_path / "metrics.jsonl"),
        stop_file=str(tmp_path / "stop"),
        checkpoint_dir="",
    ).write(tmp_path / "run.json")
    monkeypatch.setenv("CLR_RUN", str(tmp_path / "run.json"))
    return clr.run()


def rates(folder: Path) -> dict[int, float]:
    """The rate of the last update, by the updates that were reported."""
    found = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return {line["iteration"]: line["lr"] for line in found}


def the_schedule_s(count: int) -> dict[int, float]:
    return {done: SCHEDULE(done - 1) for done in range(1, count + 1)}


def test_reported_rates_are_the_schedule_s(run: clr.Run, tmp_path: Path) -> None:
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    scheduler = run.scheduler(optimizer)

    stop = False
    while not stop:
        model(torch.ones(1, 2)).sum().backward()
        optimizer.step()
        scheduler.step()
        stop = run.report(scheduler.iteration, loss=0.5)

    assert rates(tmp_path) == the_schedule_s(12)


def test_under_accumulation_an_update_counts_once(run: clr.Run, tmp_path: Path) -> None:
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    scheduler = run.scheduler(optimizer)

    for batch in range(1, 37):
        model(torch.ones(1, 2)).sum().backward()
        if batch % 3 == 0:
            optimizer.step()
            optimizer.zero_grad()
        scheduler.step()  # after every batch
        if batch % 3 == 0:
            run.report(scheduler.iteration, loss=0.5)

    assert rates(tmp_path) == the_schedule_s(12)


def test_updates_that_a_grad_scaler_skips_do_not_count(run: clr.Run, tmp_path: Path) -> None:
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    scheduler = run.scheduler(optimizer)
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    overflowing = {0, 3, 4}
    skipped = 0

    for batch in range(15):
        before, scale = scheduler.iteration, scaler.get_scale()
        loss = model(torch.ones(1, 2)).sum()
        scaler.scale(loss * (float("inf") if batch in overflowing else 1.0)).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
        scheduler.step()
        skipped += scaler.get_scale() < scale
        if scheduler.iteration > before:
            run.report(scheduler.iteration, loss=0.5)

    assert skipped == len(overflowing)
    assert scheduler.iteration == 12
    assert rates(tmp_path) == the_schedule_s(12)


def test_a_group_s_own_multiplier_is_not_in_the_reported_rate(run: clr.Run, tmp_path: Path) -> None:
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD([{"params": model.parameters(), "lr_mult": 10.0}], lr=1.0)
    scheduler = run.scheduler(optimizer)
    model(torch.ones(1, 2)).sum().backward()

    optimizer.step()
    assert optimizer.param_groups[0]["lr"] == 10 * SCHEDULE(0)
    scheduler.step()
    run.report(1, loss=0.5)

    assert rates(tmp_path)[1] == pytest.approx(SCHEDULE(0))


def test_a_scheduler_stepped_per_epoch_is_seen_in_the_reports(run: clr.Run, tmp_path: Path) -> None:
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    scheduler = run.scheduler(optimizer)

    for update in range(1, 9):
        model(torch.ones(1, 2)).sum().backward()
        optimizer.step()
        if update % 4 == 0:
            scheduler.step()
            run.report(update, loss=0.5)

    with pytest.warns(UserWarning, match="A schedule counts updates, not epochs"):
        scheduler.state_dict()
    assert rates(tmp_path) == {4: SCHEDULE(0), 8: SCHEDULE(1)} != {4: SCHEDULE(3), 8: SCHEDULE(7)}


def test_a_rate_that_is_a_tensor_is_reported_as_it_was_used(run: clr.Run, tmp_path: Path) -> None:
    model = nn.Linear(2, 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=torch.tensor(1.0, dtype=torch.float64), foreach=False)
    scheduler = run.scheduler(optimizer)

    for done in range(1, 4):
        model(torch.ones(1, 2)).sum().backward()
        optimizer.step()
        scheduler.step()
        run.report(done, loss=0.5)

    assert rates(tmp_path) == the_schedule_s(3)


def test_alone_without_a_schedule_the_optimizer_keeps_its_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLR_RUN", raising=False)
    optimizer = torch.optim.SGD(nn.Linear(2, 1).parameters(), lr=0.07)
    scheduler = clr.run(iterations=5).scheduler(optimizer)

    for _ in range(5):
        optimizer.step()
        scheduler.step()

    assert optimizer.param_groups[0]["lr"] == 0.07
