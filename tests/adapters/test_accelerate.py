"""In Accelerate: one per update, on one process and on two."""

import json
import subprocess
import sys

import torch
from accelerate import Accelerator

from clr import ScheduleLR
from clr.adapters.accelerate import prepare
from clr.schedules import Triangular2

SCHEDULE = Triangular2(base_lr=0.1, max_lr=0.7, step_size=3.5)


def prepared(accelerator: Accelerator, by_hand: bool = False):
    model = torch.nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    if by_hand:
        return accelerator.prepare(model, optimizer, ScheduleLR(optimizer, SCHEDULE))
    model, optimizer = accelerator.prepare(model, optimizer)
    return model, optimizer, prepare(accelerator, optimizer, SCHEDULE)


def train(accelerator: Accelerator, model, optimizer, scheduler, batches: int) -> None:
    for _ in range(batches):
        with accelerator.accumulate(model):
            accelerator.backward(model(torch.ones(2, 4)).mean())
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()


def expected(updates: int) -> list[list[float]]:
    return [[rate] for rate in SCHEDULE.rates(updates).tolist()]


def test_each_update_has_its_rate(used_rates):
    accelerator = Accelerator(cpu=True)

    train(accelerator, *prepared(accelerator), batches=9)

    assert used_rates == expected(9)


def test_a_scheduler_that_is_prepared_by_hand_does_as_well(used_rates):
    accelerator = Accelerator(cpu=True)

    train(accelerator, *prepared(accelerator, by_hand=True), batches=9)

    assert used_rates == expected(9)


def test_under_accumulation_updates_are_counted_not_batches(used_rates):
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=3)

    train(accelerator, *prepared(accelerator), batches=12)

    assert used_rates == expected(4)


def test_a_loaded_state_goes_on_with_the_rates_of_the_unbroken_run(used_rates, tmp_path):
    first = Accelerator(cpu=True)
    train(first, *prepared(first), batches=5)
    first.save_state(tmp_path)

    second = Accelerator(cpu=True)
    parts = prepared(second)
    second.load_state(tmp_path)
    train(second, *parts, batches=4)

    assert used_rates == expected(9)


TWO_PROCESSES = """
import json, sys, torch
from accelerate import Accelerator, debug_launcher
from clr.adapters.accelerate import prepare
from clr.schedules import from_dict

def train(schedule, folder):
    torch.set_num_threads(1)
    accelerator = Accelerator(cpu=True)
    model = torch.nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    model, optimizer = accelerator.prepare(model, optimizer)
    scheduler = prepare(accelerator, optimizer, from_dict(schedule))
    used = []
    for _ in range(9):
        used.append(optimizer.param_groups[0]["lr"])
        accelerator.backward(model(torch.ones(2, 4)).mean())
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
    with open(f"{folder}/{accelerator.process_index}.json", "w") as file:
        json.dump({"processes": accelerator.num_processes, "used": used}, file)

if __name__ == "__main__":
    debug_launcher(train, (json.loads(sys.argv[1]), sys.argv[2]), num_processes=2)
"""


def test_on_two_processes_the_schedule_is_no_faster(tmp_path):
    script = tmp_path / "two_processes.py"
    script.write_text(TWO_PROCESSES)

    process = subprocess.run(
        [sys.executable, script, json.dumps(SCHEDULE.to_dict()), tmp_path], capture_output=True, text=True, check=False
    )

    assert process.returncode == 0, process.stderr[-3000:]
    for rank in (0, 1):
        found = json.loads((tmp_path / f"{rank}.json").read_text())
        assert found == {"processes": 2, "used": SCHEDULE.rates(9).tolist()}
