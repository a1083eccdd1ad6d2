"""Scripts as real processes: what becomes of a trial, whatever they do."""

from __future__ import annotations

import array
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import wait_for
from scripting import PYTHON, REPORTS, events

from clr.errors import InvalidReport, ScriptDied, TaskError
from clr.results import Diverged, Evaluated, Event, Finished, Interrupted, Pruned, Saved
from clr.schedules import Triangular
from clr.scripts import command

Train = Callable[..., list[Event]]
FOUR = "for i in range(every, length + 1, every): say({'iteration': i, 'accuracy': i / 100})\n"


def iterations(found: list[Event]) -> list[int]:
    return [event.evaluation.iteration for event in found if isinstance(event, Evaluated)]


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_reports_become_events(train: Train) -> None:
    found = train(REPORTS + FOUR)

    assert iterations(found) == [10, 20, 30, 40]
    assert found[-1] == Finished(40, 0.4, {})


def test_a_script_is_told_what_to_train(train: Train, tmp_path: Path) -> None:
    script = REPORTS + FOUR + "import shutil; shutil.copytree(os.path.dirname(os.environ['CLR_RUN']), 'seen')\n"

    train(script, task={"options": {"width": 64, "deep": True}}, task_options={"width": 8})

    asked = json.loads((tmp_path / "seen" / "run.json").read_text())
    rates = array.array("d", (tmp_path / "seen" / "rates.f64").read_bytes())
    assert asked["options"] == {"width": 8, "deep": True}
    assert (asked["seed"], asked["split_seed"], asked["phase"], asked["updates_per_epoch"]) == (3, 4, "search", 10)
    assert list(rates) == Triangular(base_lr=0.01, max_lr=0.1, step_size=10).rates(40).tolist()


def test_rates_are_written_block_by_block(monkeypatch: pytest.MonkeyPatch, train: Train) -> None:
    monkeypatch.setattr(command, "_BLOCK", 7)
    script = REPORTS + "import array; r = array.array('d', open(asked['rates_file'], 'rb').read())\n"
    script += "assert len(r) == 40\nsay({'iteration': 40, 'accuracy': r[39]})\n"

    assert train(script)[-1] == Finished(40, Triangular(base_lr=0.01, max_lr=0.1, step_size=10)(39), {})


def test_a_command_is_filled_in_and_no_shell_reads_it(train: Train) -> None:
    script = REPORTS + "import sys\nprint(sys.argv)\nsay({'iteration': 40, 'accuracy': len(sys.argv) / 9})\n"
    script += "assert sys.argv[1:] == ['--epochs', '4', '--seed=3', '$HOME;', '{x}', 'a b', '64', 'true'], sys.argv\n"
    words = "--epochs {epochs} --seed={seed} '$HOME;' {{x}} 'a b' {options.width} {options.deep}"

    found = train(script, task={"command": f"{PYTHON} train.py {words}", "options": {"width": 64, "deep": True}})

    assert found[-1] == Finished(40, 1.0, {})


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("raise ArithmeticError('the moon')", "exited with code 1 after update 40 of 80"),
        ("import os; os._exit(7)", "exited with code 7"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "was killed by signal 11"),
        ("import os, signal; os.killpg(0, signal.SIGKILL)", "was killed by signal 9"),
        (
            "import resource; resource.setrlimit(resource.RLIMIT_AS, (2**28, 2**28)); bytearray(2**30)",
            "with code 1",
        ),
    ],
)
def test_a_script_that_dies_may_be_tried_again_and_says_how(train: Train, script: str, said: str) -> None:
    with pytest.raises(ScriptDied, match=said):
        train(REPORTS + "length = 40\n" + FOUR + script + "\n", iterations=80)


def test_a_script_that_hangs_is_ended(tmp_path: Path) -> None:
    script = REPORTS + "import time\nopen('pid', 'w').write(str(os.getpid()))\n"
    script += "say({'iteration': 10, 'accuracy': 0.5})\ntime.sleep(3600)\n"
    found = events(tmp_path, script, task={"hang": 1.5})

    with pytest.raises(ScriptDied, match=r"hung: it reported nothing for 1\.5 s"):
        list(found)

    assert not is_alive(int((tmp_path / "pid").read_text()))


def test_a_report_now_and_then_is_a_sign_of_life(train: Train) -> None:
    script = REPORTS + "import time\n" + FOUR.replace("say(", "time.sleep(1.0); say(")

    assert train(script, task={"hang": 3.0})[-1] == Finished(40, 0.4, {})


def test_all_that_a_script_has_started_ends_with_it(tmp_path: Path, train: Train) -> None:
    script = REPORTS + FOUR + (
        "import subprocess, sys\n"
        "sleep = [sys.executable, '-c', 'import time; time.sleep(3600)']\n"
        "child = subprocess.Popen(sleep)\n"
        "daemon = subprocess.Popen(sleep, start_new_session=True)\n"
        "forked = os.fork()\n"
        "if forked == 0:\n    import time; time.sleep(3600)\n"
        "open('pids', 'w').write(f'{child.pid} {daemon.pid} {forked}')\n"
    )  # fmt: skip

    assert train(script)[-1] == Finished(40, 0.4, {})

    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert len(pids) == 3
    wait_for(lambda: not any(map(is_alive, pids)), "every process is gone", 10)


def test_a_script_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import os, time\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep(3600)\n")
    code = (
        "import os, pathlib, sys, time; from clr.scripts.process import ScriptProcess\n"
        f"folder = pathlib.Path({str(tmp_path)!r}); scratch = folder / 'scratch'; scratch.mkdir()\n"
        f"ScriptProcess([{PYTHON!r}, 'train.py'], folder, {{}}, scratch).wait(3600)\n"
    )
    starter = subprocess.Popen([sys.executable, "-c", code])
    wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text(), "the script runs")
    script = int((tmp_path / "pid").read_text())

    starter.kill()
    starter.wait()

    wait_for(lambda: not is_alive(script), "the script is gone", 10)
    wait_for(lambda: not (tmp_path / "scratch").exists(), "its files are gone", 10)


@pytest.mark.parametrize("value", ["float('nan')", "float('inf')", "None"])
def test_a_metric_that_is_not_finite_is_divergence(train: Train, value: str) -> None:
    found = train(REPORTS + FOUR.replace("i / 100", f"{value} if i == 30 else 0.5"))

    assert iterations(found) == [10, 20]
    assert isinstance(found[-1], Diverged) and found[-1].iteration == 30


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("say({'iteration': 10, 'accuracy': 'high'})", "Line 1 of the script's metrics: accuracy must be a number"),
        ("say('accuracy is 0.9\\n')", "Line 1 of the script's metrics is not JSON"),
        ("say('x' * 10**6)", "longer than 65,536 bytes"),
        ("say({'iteration': 10, 'accuracy': 1}); say({'iteration': 5, 'accuracy': 1})", "update 5 after update 10"),
        ("say({'iteration': 41, 'accuracy': 1})", "reported update 41, but the run has 40"),
        ("say({'iteration': 10, 'loss': 1})", "lacks the task's metric 'accuracy'; it has: loss"),
        ("say({'iteration': 20, 'accuracy': 1})", "ended after a report at update 20 of 40"),
        ("pass", "ended after a report at update 0 of 40"),
    ],
)
def test_what_a_script_would_do_again_is_a_failure_with_its_reason(train: Train, script: str, said: str) -> None:
    with pytest.raises(InvalidReport, match=said):
        train(REPORTS + script + "\n")


def test_a_command_that_is_not_there_is_named(train: Train) -> None:
    with pytest.raises(TaskError, match=r"The command 'pyhton' can't be started: .*No such file"):
        train("", task={"command": "pyhton train.py"})


def test_a_torn_last_line_costs_nothing_where_the_run_is_complete(train: Train) -> None:
    assert train(REPORTS + FOUR + 'say(\'{"iteration": 50, "accu\')\n')[-1] == Finished(40, 0.4, {})


def test_a_script_that_goes_on_after_its_last_report_is_ended(
    monkeypatch: pytest.MonkeyPatch, train: Train, tmp_path: Path
) -> None:
    monkeypatch.setattr(command, "PARTING", 0.3)
    script = REPORTS + "open('pid', 'w').write(str(os.getpid()))\n" + FOUR + "import time; time.sleep(3600)\n"

    assert train(script)[-1] == Finished(40, 0.4, {})
    assert not is_alive(int((tmp_path / "pid").read_text()))


def test_what_comes_after_the_last_report_does_not_undo_it(train: Train) -> None:
    assert train(REPORTS + FOUR + "raise SystemExit(3)\n")[-1] == Finished(40, 0.4, {})


def test_test_metrics_are_waited_for_in_confirm(train: Train) -> None:
    script = REPORTS + FOUR + "import time; time.sleep(0.5)\nif asked['test']: say({'test': {'accuracy': 0.3}})\n"

    confirmed = train(script, task={"test_size": 100}, phase="confirm", test=True)
    searched = train(script, task={"test_size": 100}, key="s-slot-2/f000001")

    assert confirmed[-1] == Finished(40, 0.4, {"accuracy": 0.3})
    assert searched[-1] == Finished(40, 0.4, {})


def test_a_pruned_script_is_told_to_stop_and_ended(train: Train, tmp_path: Path) -> None:
    script = REPORTS + FOUR + "import time; time.sleep(3600)\n"

    found = train(script, rungs=[{"iteration": 20, "threshold": 0.9}])

    assert iterations(found) == [10, 20]
    assert found[-1] == Pruned(20, 0.2)


SAVES = (
    REPORTS
    + """
import pathlib, time
folder = pathlib.Path(asked["checkpoint_dir"])
begin = int((folder / "at").read_text()) if (folder / "at").exists() else 0
for i in range(begin + every, length + 1, every):
    (folder / "new").write_text(str(i)); (folder / "new").rename(folder / "at")
    say({"iteration": i, "accuracy": i / 100, "began": begin})
    while i == 20 and begin == 0:  # waits to be stopped
        if os.path.exists(asked["stop_file"]): raise SystemExit(0)
        time.sleep(0.02)
"""
)


def test_a_stopped_script_goes_on_where_it_saved(tmp_path: Path) -> None:
    interrupt = threading.Event()
    before: list[Event] = []
    for event in events(tmp_path, SAVES, key="s-slot-1/f000003", interrupt=interrupt):
        before.append(event)
        if isinstance(event, Evaluated) and event.evaluation.iteration == 20:
            interrupt.set()
    after = list(events(tmp_path, SAVES, key="s-slot-1/f000004"))

    assert before[-1] == Interrupted(20)
    saved = [event.checkpoint.path for event in before if isinstance(event, Saved)]
    assert set(saved) == {"s-slot-1/f000003"}
    assert iterations(after) == [10, 20, 30, 40]
    assert [event.evaluation.metrics["began"] for event in after if isinstance(event, Evaluated)] == [0, 0, 20, 20]
    assert not (tmp_path / "checkpoints" / "s-slot-1" / "f000003" / "script").exists()


def test_reports_that_a_killed_worker_did_not_pass_on_come_from_the_next(tmp_path: Path) -> None:
    killed = events(tmp_path, SAVES, key="s-slot-1/f000001")
    next(killed)
    metrics = tmp_path / "checkpoints" / "s-slot-1" / "f000001" / "script" / "metrics.jsonl"
    wait_for(lambda: metrics.read_text().count("\n") == 2, "the script has reported more")
    killed.close()  # type: ignore[attr-defined]

    after = list(events(tmp_path, SAVES, key="s-slot-1/f000002"))

    assert iterations(after) == [10, 20, 30, 40]
    assert [event.evaluation.metrics["began"] for event in after if isinstance(event, Evaluated)] == [0, 0, 20, 20]


def test_a_script_that_had_all_but_ended_needs_to_say_nothing_again(tmp_path: Path) -> None:
    killed = events(tmp_path, SAVES.replace("i == 20", "i == 40"), key="s-slot-1/f000001")
    next(killed)
    metrics = tmp_path / "checkpoints" / "s-slot-1" / "f000001" / "script" / "metrics.jsonl"
    wait_for(lambda: metrics.read_text().count("\n") == 4, "the script has reported all")
    killed.close()  # type: ignore[attr-defined]

    assert list(events(tmp_path, SAVES, key="s-slot-1/f000002"))[-1] == Finished(40, 0.4, {})


def test_a_script_that_starts_over_is_not_told_what_it_said_before(tmp_path: Path) -> None:
    forgets = SAVES.replace('if (folder / "at").exists() else 0', "if False else 0")
    killed = events(tmp_path, forgets, key="s-slot-1/f000001")
    next(killed)
    killed.close()  # type: ignore[attr-defined]

    after = list(
        events(tmp_path, forgets.replace("i == 20", "i == 50").replace("i / 100", "i / 50"), key="s-slot-1/f000002")
    )

    assert [event.evaluation.metrics["accuracy"] for event in after if isinstance(event, Evaluated)] == [
        0.2,
        0.4,
        0.6,
        0.8,
    ]


def test_a_script_that_does_not_stop_is_ended_in_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(command, "STOPPING", 0.3)
    interrupt = threading.Event()
    interrupt.set()

    found = list(events(tmp_path, "import time; time.sleep(3600)\n", interrupt=interrupt))

    assert found == [Interrupted(0)]


def test_a_script_that_saves_nothing_leaves_no_folder(train: Train, tmp_path: Path) -> None:
    train(REPORTS + FOUR)

    assert not (tmp_path / "checkpoints" / "s-slot-1").exists()


def test_no_secret_of_the_service_reaches_a_script(monkeypatch: pytest.MonkeyPatch, train: Train) -> None:
    monkeypatch.setenv("CLR_TOKEN", "canary")
    monkeypatch.setenv("MINE", "kept")
    script = REPORTS + "assert 'canary' not in str(os.environ) and os.environ['MINE'] == 'kept'\n"

    assert train(script + FOUR)[-1] == Finished(40, 0.4, {})


def test_nothing_stays_in_the_temporary_folder(monkeypatch: pytest.MonkeyPatch, train: Train, tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))

    train(REPORTS + FOUR)
    with pytest.raises(ScriptDied):
        train("raise SystemExit(1)")

    assert list((tmp_path / "tmp").iterdir()) == []
