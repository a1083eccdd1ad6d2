"""Many claim at once: threads of one process on SQLite, processes on PostgreSQL."""

import multiprocessing
import threading
from collections import Counter

import pytest
from builders import a_study
from claiming import drain, drain_in_a_process

from service.store import slots, studies
from service.store.database import Database
from service.store.record import Recorder

WORKERS = 6
ARMS = ["fixed", "cosine", "triangular", "triangular2", "exponential"]


def check(database: Database, ids: list[str], told: list[tuple[int, int]]) -> None:
    assert max(Counter(told).values()) == 1, "two holders under one fence"
    for study in ids:
        found = studies.get(database, study)
        assert (found.state, found.slots.done) == ("done", found.slots.planned)
        for trial in slots.page(database, study, None, 200).items:
            expected = ["released", "done"] if len(trial.attempts) == 2 else ["done"]
            assert [attempt.how for attempt in trial.attempts] == expected
            assert [attempt.fence for attempt in trial.attempts] == list(range(1, len(expected) + 1))


def some_studies(database: Database) -> list[str]:
    return [a_study(database, arms=ARMS, trials=3, confirm_seeds=2) for _ in range(3)]


def test_threads_never_share_a_slot_and_lose_none(database):
    ids, told = some_studies(database), []
    threads = [threading.Thread(target=drain, args=(database, told)) for _ in range(WORKERS)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    drain(database, told)  # whatever a round opened after the last thread had found nothing

    check(database, ids, told)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_processes_never_share_a_slot_and_lose_none(database, database_url, tmp_path):
    ids = some_studies(database)
    spawn = multiprocessing.get_context("spawn")
    told = spawn.Queue()
    processes = [spawn.Process(target=drain_in_a_process, args=(database_url, tmp_path, told)) for _ in range(3)]

    for process in processes:
        process.start()
    claimed = [pair for _ in processes for pair in told.get(timeout=60)]
    for process in processes:
        process.join()
    drain(database, claimed)

    check(database, ids, claimed)


def test_the_record_and_the_queue_write_at_once(database):
    """SQLite: both engines take turns, so neither ever finds the database locked."""
    ids, told = some_studies(database), []
    recorder = Recorder(database, interval=0.01)
    recorder.start()
    threads = [threading.Thread(target=drain, args=(database, told)) for _ in range(3)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    drain(database, told)
    recorder.stop()
    Recorder(database).record()

    check(database, ids, told)
    assert all(studies.load(database, study).recorded_at for study in ids)
