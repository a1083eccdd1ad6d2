"""A real study with a pruner: some trials end early, the same ones on one worker and on three."""

from pathlib import Path

import optuna
import pytest
from processes import wait_for
from serving import outcome, serving

from clr.client import Client, StudyHandle
from clr.resources import TrialResource

SPEC = {
    "task": "digits",
    "arms": ["fixed", "triangular2"],
    "budget": {"iterations": 120},
    "bounds": {"low": 0.003, "high": 1.0},
    "trials": 14,
    "pruner": "median",
    "confirm_seeds": 2,
    "seed": 3,
}
ITERATIONS = 120


def run(client: Client) -> StudyHandle:
    study = client.submit(SPEC)
    assert study.wait(poll=0.2, timeout=180).state == "done"
    return study


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("one")


@pytest.fixture(scope="module")
def on_one_worker(data: Path):
    """The study's handle while its service lives, and its trials with their curves."""
    with serving(data, workers=1) as client:
        study = run(client)
        yield study, [study.trial(trial.number) for trial in study.trials()]


def pruned(trials: list[TrialResource]) -> list[TrialResource]:
    return [trial for trial in trials if trial.state == "pruned"]


def test_weak_search_trials_end_early_and_say_why(on_one_worker) -> None:
    study, trials = on_one_worker

    assert len(pruned(trials)) >= 2
    assert study.status().slots.pruned == len(pruned(trials))
    for trial in pruned(trials):
        assert (trial.phase, trial.round >= 1, trial.value) == ("search", True, None)
        assert trial.curve is not None and trial.curve[-1].iteration < ITERATIONS
        at, value = trial.curve[-1].iteration, trial.curve[-1].metrics["accuracy"]
        assert trial.reason.startswith(f"at iteration {at} its validation metric was {value:.4g}, worse than ")


def test_a_cyclic_trial_ends_at_the_end_of_a_cycle(on_one_worker) -> None:
    """And it was evaluated there, wherever that is, as were those that it was compared with."""
    _, trials = on_one_worker

    for trial in trials:
        if (trial.phase, trial.arm) == ("search", "triangular2"):
            ends = {round(ITERATIONS * k / trial.params["cycles"]) for k in range(1, int(trial.params["cycles"]))}
            assert trial.curve is not None
            reached = {e.iteration for e in trial.curve}
            assert trial.state != "pruned" or max(reached) in ends
            assert {end for end in ends if end <= max(reached)} <= reached


def test_the_ledger_and_the_answer_say_what_was_saved(on_one_worker) -> None:
    study, trials = on_one_worker
    saved = sum(ITERATIONS - trial.curve[-1].iteration for trial in pruned(trials) if trial.curve)

    answer = study.best()

    assert sum(row.saved for row in answer.ledger) == saved > 0
    assert sum(row.pruned for row in answer.ledger) == len(pruned(trials))
    told = f"Pruning ended {len(pruned(trials))} of 28 search trials early and saved {saved} of {28 * ITERATIONS}"
    assert any(note.startswith(told) for note in answer.notes)
    assert answer.status == "confirmed" and answer.unequal == ""


def test_the_report_shows_it(on_one_worker) -> None:
    study, trials = on_one_worker

    page = study.report()

    assert "<th>pruned</th>" in page and f"Pruning ended {len(pruned(trials))} of 28 search trials" in page


def test_the_record_has_pruned_trials_as_pruned(on_one_worker, data: Path) -> None:
    study, trials = on_one_worker
    storage = f"sqlite:///{data / 'clr.sqlite3'}"
    wait_for(lambda: study.id in optuna.get_all_study_names(storage), "the study is recorded whole")

    names = [f"{study.id}/search/{arm}" for arm in ("fixed", "triangular2")]
    found = [trial for name in names for trial in optuna.load_study(study_name=name, storage=storage).trials]

    recorded = {trial.user_attrs["slot"]: (trial.state.name, trial.value) for trial in found}
    for trial in pruned(trials):
        assert trial.curve is not None
        assert recorded[trial.number] == ("PRUNED", trial.curve[-1].metrics["accuracy"])


def test_three_workers_prune_the_same_trials(on_one_worker, tmp_path: Path) -> None:
    alone, _ = on_one_worker
    with serving(tmp_path, workers=3) as client:
        assert outcome(run(client)) == outcome(alone)
