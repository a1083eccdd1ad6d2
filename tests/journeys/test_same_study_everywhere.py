"""The same study gives the same parameters and values, whoever trains it and whatever is killed meanwhile."""

from pathlib import Path

import pytest
from processes import wait_for
from serving import outcome, serving

from clr.client import Client

SPEC = {
    "task": "digits",
    "arms": ["fixed", "triangular2"],
    "budget": {"iterations": 100},
    "range_test": {"iterations": 300},
    "trials": 4,
    "confirm_seeds": 2,
    "seed": 7,
}
SLOTS = 3 + 2 * 4 + 2 * 2
SHORT_LEASES = {"CLR_LEASE_SECONDS": "2", "CLR_BEAT_SECONDS": "0.3"}


def run(client: Client) -> list[tuple[object, ...]]:
    study = client.submit(SPEC)
    assert study.wait(poll=0.2, timeout=120).state == "done"
    return outcome(study)


@pytest.fixture(scope="module")
def on_one_worker(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[object, ...]]:
    with serving(tmp_path_factory.mktemp("one"), workers=1) as client:
        return run(client)


def test_a_study_has_exactly_the_planned_trials(on_one_worker: list[tuple[object, ...]]) -> None:
    assert [facts[0] for facts in on_one_worker] == list(range(1, SLOTS + 1))
    assert {facts[8] for facts in on_one_worker} <= {"done", "diverged"}


def test_three_workers_give_the_same_study(on_one_worker: list[tuple[object, ...]], tmp_path: Path) -> None:
    with serving(tmp_path, workers=3) as client:
        assert run(client) == on_one_worker
        hosts = {
            attempt.worker for n in range(1, SLOTS + 1) for attempt in client.study(_only(client)).trial(n).attempts
        }
    assert len(hosts) > 1, "the other workers had a part in it"


def test_postgresql_gives_the_same_study(
    on_one_worker: list[tuple[object, ...]], tmp_path: Path, postgresql_url: str
) -> None:
    with serving(tmp_path, "--database", postgresql_url, workers=2) as client:
        assert run(client) == on_one_worker


def test_a_service_killed_in_the_middle_gives_the_same_study(
    on_one_worker: list[tuple[object, ...]], tmp_path: Path
) -> None:
    with serving(tmp_path, workers=1, **SHORT_LEASES) as client:
        study = client.submit(SPEC).id
        wait_for(lambda: client.study(study).status().slots.done >= 5, "five trials are done")
        client.process.kill()  # type: ignore[attr-defined]
        client.process.wait()  # type: ignore[attr-defined]

    with serving(tmp_path, workers=2, **SHORT_LEASES) as client:
        again = client.study(study)
        assert again.wait(poll=0.2, timeout=120).state == "done"
        assert outcome(again) == on_one_worker


def _only(client: Client) -> str:
    (study,) = client.studies()
    return study.id
