from __future__ import annotations

import os
import queue
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from desk import a_config
from processes import DEADLINE, wait_for

from clr.protocol import TrialConfig
from clr.results import Checkpoint
from worker import messages
from worker.device import environment
from worker.process import Exited, Heard, TrainingChild

TROUBLE = str(Path(__file__).parent / "trouble.py")


class Listener:
    """A child and what it says, in order."""

    def __init__(self, checkpoints: Path, checkpoint_seconds: float = 30.0, tasks: str = TROUBLE) -> None:
        self.root = checkpoints
        self._inbox: queue.SimpleQueue[Heard | Exited] = queue.SimpleQueue()
        arguments = ["--device", "cpu", "--threads", "1", "--checkpoints", str(checkpoints), "--tasks", tasks]
        arguments += ["--checkpoint-seconds", str(checkpoint_seconds)]
        self.child = TrainingChild(arguments, environment("cpu", 1), self._inbox.put)
        self.ready = self.next(messages.Ready)

    def heard(self) -> Any:
        notice = self._inbox.get(timeout=DEADLINE)
        return notice.message if isinstance(notice, Heard) else notice

    def next(self, kind: type[Any]) -> Any:
        while True:
            found = self.heard()
            if isinstance(found, kind):
                return found
            assert not isinstance(found, Exited), self.child.tail.text()

    def train(self, key: str = "slot-1/f000001", resume: Checkpoint | None = None, **config: Any) -> None:
        self.child.ask(messages.Train(config=TrialConfig(**a_config(**config)), key=key, resume=resume))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listener]:
    """One child for all tests that leave it alive, as it is kept in earnest."""
    found = Listener(tmp_path_factory.mktemp("checkpoints"), checkpoint_seconds=0.0)
    yield found
    found.child.kill()


def test_a_child_says_what_it_can_train_and_on_what(kept: Listener) -> None:
    assert kept.ready.device.kind == "cpu"
    assert kept.ready.device.threads == 1
    assert {"digits", "image-folder", "slow", "finds"} <= {task.name for task in kept.ready.tasks}
    assert kept.ready.versions["python"].startswith(f"{sys.version_info.major}.{sys.version_info.minor}")
    assert "torch" in kept.ready.versions


def test_a_trial_says_its_evaluations_and_then_its_end(kept: Listener) -> None:
    kept.train(iterations=30, evaluate_every=10)

    heard = [kept.heard()]
    while not isinstance(heard[-1], messages.Finished):
        heard.append(kept.heard())

    evaluated = [said.evaluation for said in heard if isinstance(said, messages.Evaluated)]
    assert [evaluation.iteration for evaluation in evaluated] == [10, 20, 30]
    assert heard[-1].value == evaluated[-1].metrics["accuracy"]
    assert heard[-1].provenance["threads"] == 1
    assert heard[-1].provenance["resumed_from"] is None


def test_a_trial_that_is_worse_at_a_rung_ends_there_and_says_its_value(kept: Listener) -> None:
    kept.train(iterations=30, evaluate_every=10, rungs=[{"iteration": 15, "threshold": 1.0}])

    heard = [kept.heard()]
    while not isinstance(heard[-1], messages.Ending):
        heard.append(kept.heard())

    evaluated = [said.evaluation for said in heard if isinstance(said, messages.Evaluated)]
    assert [evaluation.iteration for evaluation in evaluated] == [10, 15]
    assert isinstance(heard[-1], messages.Pruned)
    assert (heard[-1].iteration, heard[-1].value) == (15, evaluated[-1].metrics["accuracy"])
    assert heard[-1].provenance["threads"] == 1


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", "float32"), ("bf16", "bfloat16 autocast over float32")])
def test_provenance_names_the_precision_that_was_trained_in(kept: Listener, precision: str, dtype: str) -> None:
    kept.train(training={"precision": precision}, key=f"{precision}/f000001")

    assert kept.next(messages.Finished).provenance["dtype"] == dtype


def test_the_same_config_gives_the_same_value_in_a_kept_child(kept: Listener) -> None:
    values = []
    for slot in range(2):
        kept.train(key=f"slot-{slot}/f000001", seed=3)
        values.append(kept.next(messages.Finished).value)

    assert values[0] == values[1]


def test_a_stopped_trial_goes_on_from_its_checkpoint_to_the_same_value(kept: Listener) -> None:
    kept.train(key="slot-8/f000001", task="slow", iterations=100, evaluate_every=20)
    kept.next(messages.Evaluated)
    kept.child.ask(messages.Stop())
    last: Checkpoint | None = None
    while not isinstance(message := kept.heard(), messages.Interrupted):
        last = message.checkpoint if isinstance(message, messages.Saved) else last

    assert last is not None
    assert 20 <= message.iteration < 100
    kept.train(key="slot-8/f000002", resume=last, task="slow", iterations=100, evaluate_every=20)
    resumed = kept.next(messages.Finished)
    kept.train(key="slot-9/f000001", iterations=100, evaluate_every=20)
    assert resumed.value == kept.next(messages.Finished).value
    assert resumed.provenance["resumed_from"] == last.iteration


def test_a_checkpoint_that_is_gone_means_starting_over(kept: Listener) -> None:
    gone = Checkpoint(iteration=20, path="slot-99/f000001/i000020.safetensors", sha256="0" * 64)

    kept.train(key="slot-99/f000002", resume=gone)

    assert kept.next(messages.Evaluated).evaluation.iteration == 10
    assert kept.next(messages.Finished).provenance["resumed_from"] is None
    assert "Starting over" in kept.child.tail.text()


def test_what_a_task_cannot_do_is_a_failure_and_the_child_lives(kept: Listener) -> None:
    kept.train(task="refuses")
    assert kept.next(messages.Failed).reason == "there is no such thing"

    kept.train()
    assert kept.next(messages.Finished).value > 0.5


def test_an_unknown_task_is_a_failure_that_names_the_known(kept: Listener) -> None:
    kept.train(task="absent")

    assert "digits" in kept.next(messages.Failed).reason


def test_a_describe_slot_finds_the_facts(kept: Listener) -> None:
    kept.train(task="finds", phase="describe")

    facts = kept.next(messages.Described).facts
    assert facts.fixed
    assert facts.train_size == 1097


def test_a_stop_that_comes_after_the_end_does_not_touch_the_next_trial(kept: Listener) -> None:
    kept.train()
    kept.next(messages.Finished)
    kept.child.ask(messages.Stop())

    kept.train()

    assert kept.next(messages.Ending).kind == "finished"


def test_checkpoints_of_a_slot_are_discarded(kept: Listener) -> None:
    kept.train(key="slot-50/f000001", iterations=30)
    kept.next(messages.Finished)
    assert (kept.root / "slot-50").exists()

    kept.child.ask(messages.Discard(folder="slot-50"))

    wait_for(lambda: not (kept.root / "slot-50").exists(), "the folder is gone")


def test_output_is_kept_to_its_last_lines(kept: Listener) -> None:
    kept.train(task="talks", iterations=20)
    kept.next(messages.Finished)

    wait_for(lambda: "last words" in kept.child.tail.text(), "the last line")
    assert len(kept.child.tail.text()) <= 16_000


def test_a_child_sees_no_secret_of_its_supervisor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CLR_TOKEN", "canary-0123456789")
    found = Listener(tmp_path)
    found.train(task="reads")

    found.next(messages.Evaluated)
    assert found.heard().code == 1
    assert "OMP_NUM_THREADS" in found.child.tail.text()
    assert "canary" not in found.child.tail.text()


def test_signals_to_the_whole_group_are_left_to_the_supervisor(kept: Listener) -> None:
    kept.train(task="slow", iterations=40, evaluate_every=10)
    kept.next(messages.Evaluated)

    os.kill(kept.child.pid, signal.SIGTERM)
    os.kill(kept.child.pid, signal.SIGINT)

    assert kept.next(messages.Ending).kind == "finished"


def test_a_task_file_shadows_no_module_of_the_installation(tmp_path: Path) -> None:
    (tmp_path / "own_tasks.py").write_text("from clr.tasks import registry\nregistry.register('own', 'own_data:Own')\n")
    (tmp_path / "own_data.py").write_text("from clr.tasks.digits import Digits\nclass Own(Digits): pass\n")
    for name in ("torch", "json", "sklearn"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('shadowed')\n")

    found = Listener(tmp_path / "checkpoints", tasks=str(tmp_path / "own_tasks.py"))

    found.train(task="own")
    assert found.next(messages.Finished).value > 0.5
    found.child.kill()
