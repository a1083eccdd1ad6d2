"""A study on real data is extended: through the service, by a real worker, over a service that dies on the way."""

from pathlib import Path

import pytest
from processes import wait_for
from serving import outcome, serving

from clr.client import Client
from clr.resources import Answer
from service import extension
from service.caps import Caps
from service.store.database import Database

SPEC = {
    "task": "digits",
    "arms": ["fixed", "triangular2"],
    "budget": {"iterations": 60},
    "bounds": {"low": 0.001, "high": 0.02},
    "trials": 2,
    "confirm_seeds": 2,
    "seed": 7,
}
WIDER = (0.001, 0.5)
SHORT_LEASES = {"CLR_LEASE_SECONDS": "2", "CLR_BEAT_SECONDS": "0.3"}
Outcome = list[tuple[object, ...]]


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Outcome, Answer, Answer]:
    """Trials and answer of a study at its end, and after it was extended twice: by seeds, then by trials and seeds."""
    with serving(tmp_path_factory.mktemp("data"), workers=1) as client:
        study = client.submit(SPEC)
        study.wait(poll=0.1, timeout=120)
        before = outcome(study), study.best()
        study.extend(confirm_seeds=1)
        study.wait(poll=0.1, timeout=120)
        under_way = study.extend(trials=4, confirm_seeds=1, peak_lr=WIDER)
        assert under_way.state in ("queued", "running") and under_way.ended_at is None
        assert study.wait(poll=0.1, timeout=120).state == "done"
        return before[0], outcome(study), before[1], study.best()


def test_the_answer_rests_on_more_seeds_and_nothing_was_trained_again(
    extended: tuple[Outcome, Outcome, Answer, Answer],
) -> None:
    before, after, first, last = extended

    assert after[: len(before)] == before, "what there was is as it was"
    assert len({facts[0] for facts in after}) == len(after)
    assert {len(arm.values) for arm in first.arms} == {2} and {len(arm.values) for arm in last.arms} == {4}
    assert (first.extensions, first.level, last.extensions, last.level) == (0, 0.95, 2, 0.9875)
    assert {row.asked for row in last.ledger if row.phase == "search"} == {6}
    assert any("widened that to 0.001 to 0.5" in note for note in last.notes)
    params = [(facts[2], str(facts[5]), facts[6]) for facts in after]
    assert len(set(params)) == len(params), "no trial was repeated"


def test_extended_at_once_on_two_workers_it_is_the_same_study(
    extended: tuple[Outcome, Outcome, Answer, Answer], tmp_path: Path
) -> None:
    with serving(tmp_path, workers=2) as client:
        study = client.submit(SPEC)
        study.extend(confirm_seeds=1)
        study.extend(trials=4, confirm_seeds=1, peak_lr=WIDER)
        assert study.wait(poll=0.1, timeout=120).state == "done"

        assert outcome(study) == extended[1]
        assert study.best().model_copy(update={"study": ""}).arms[0].mean == extended[3].arms[0].mean


def test_a_service_killed_between_an_extension_and_its_first_round_loses_nothing(
    extended: tuple[Outcome, Outcome, Answer, Answer], tmp_path: Path
) -> None:
    with serving(tmp_path, workers=1, **SHORT_LEASES) as client:
        study = client.submit(SPEC)
        study.wait(poll=0.1, timeout=120)
        study.extend(confirm_seeds=1)
        _kill(client)
    _extend_and_die(tmp_path, study.id)

    with serving(tmp_path, workers=1, **SHORT_LEASES) as client:
        again = client.study(study.id)
        wait_for(lambda: again.status().state == "done", "the study is done")
        assert len(again.status().extensions) == 2
        assert outcome(again) == extended[1]


def _kill(client: Client) -> None:
    client.process.kill()  # type: ignore[attr-defined]
    client.process.wait()  # type: ignore[attr-defined]


def _extend_and_die(data: Path, study: str) -> None:
    """What a service has done that was killed after it stored an extension, before it opened a round."""
    database = Database(None, data)
    wanted = {"trials": 4, "confirm_seeds": 1, "peak_lr": {"low": WIDER[0], "high": WIDER[1]}}
    assert extension.apply(database, study, wanted, Caps(2_000, 200.0), key=None)
    database.dispose()
