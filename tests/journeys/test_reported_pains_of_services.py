"""What users of other sweep services reported, each as the fact that holds here, between real processes.

The reports stand beside the tests. More of them, as facts:
    n trials by several workers are n plus some: test_same_study_everywhere.py;
    live runs are called failed, preempted ones too, nothing notices a lost one: tests/worker/test_with_service.py;
    slow with many trials and studies: tests/store/test_reading_plans.py, benchmarks/reading_at_size.py;
    every route wants the token: tests/service/test_token.py; studies have owners: tests/store/test_fairness.py;
    idle GPUs, uneven shares: tests/worker/test_device.py, tests/service/test_large_study_first.py;
    resume forgets or starts over: tests/worker/test_with_service.py, tests/journeys/test_extended_study.py;
    limits are ignored, trials go on after a stop: tests/store/test_estimates.py, tests/worker/test_with_service.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from network import outside_address
from processes import Running, wait_for
from serving import CLEAN, outcome, serving

from clr.client import Client, StudyHandle
from clr.errors import ServiceError

SPEC = {
    "task": "digits",
    "arms": ["fixed", "triangular2"],
    "budget": {"iterations": 100},
    "bounds": {"low": 0.01, "high": 0.3},
    "trials": 3,
    "confirm_seeds": 2,
    "seed": 3,
}
TROUBLE = str(Path(__file__).parents[1] / "worker" / "trouble.py")


@contextlib.contextmanager
def a_worker(url: str, *flags: str, **environment: str) -> Iterator[Running]:
    """`clr worker`, until the block ends."""
    command = [sys.executable, "-m", "clr.cli", "worker", "--service", url, *flags]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**CLEAN, **environment})
    try:
        yield Running(process)
    finally:
        process.kill()
        process.wait()


# optuna 820, 815, 6036, optuna-dashboard 545: the database is locked; whoever looked at a study killed it
def test_looking_at_a_running_study_in_every_way_changes_nothing_of_it(tmp_path: Path) -> None:
    over, refused = threading.Event(), []
    looks: tuple[Callable[[StudyHandle], object], ...] = (StudyHandle.best, StudyHandle.report, _pages_and_files)

    def look_on(url: str, study: str, look: Callable[[StudyHandle], object]) -> None:
        with Client(url, retries=0) as client:
            while not over.is_set() and not refused:
                try:
                    look(client.study(study))
                except ServiceError as error:
                    refused.append(error)

    with serving(tmp_path, workers=2) as client:
        unseen = client.submit(SPEC)
        assert unseen.wait(poll=0.2, timeout=120).state == "done"
        watched = client.submit(SPEC)
        watchers = [threading.Thread(target=look_on, args=(client.url, watched.id, look)) for look in looks]
        with _optuna_reading(tmp_path / "clr.sqlite3", watched.id) as reader:
            for watcher in watchers:
                watcher.start()
            ended = watched.wait(poll=0.2, timeout=120)
            over.set()
            for watcher in watchers:
                watcher.join()
            seen_by_optuna = int(reader.communicate("over\n", timeout=60)[0])

        assert ended.state == "done" and refused == []
        assert seen_by_optuna > 0 and reader.returncode == 0
        assert all(len(watched.trial(trial.number).attempts) == 1 for trial in watched.trials())
        assert outcome(watched) == outcome(unseen)


def _pages_and_files(study: StudyHandle) -> None:
    assert list(study.trials())
    assert study.export("curves", "json")


@contextlib.contextmanager
def _optuna_reading(database: Path, study: str) -> Iterator[subprocess.Popen[str]]:
    """A process that reads the record as Optuna's dashboard does, until a line comes; prints how often."""
    code = f"""if True:
        import optuna, threading
        over, times = threading.Event(), 0
        threading.Thread(target=lambda: (input(), over.set()), daemon=True).start()
        storage = optuna.storages.RDBStorage("sqlite:///{database}")
        while not over.is_set() or not times:
            for known in storage.get_all_studies():
                storage.get_all_trials(known._study_id)
                times += known.study_name.startswith("{study}")
        print(times)
    """
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A service without workers."""
    with serving(tmp_path_factory.mktemp("data")) as client:
        yield client


# wandb 3961, 8549; katib 2061; clearml 1507: agents wait for ever, sweeps run past their end, limits are ignored
def test_workers_end_after_as_many_trials_as_they_may_run_and_after_the_last_planned_one(client: Client) -> None:
    with a_worker(client.url, "--max-slots", "2") as limited:
        limited.until_said("worker .* on cpu")  # which makes its tasks known
        study = client.submit(SPEC)
        assert limited.ended() == 0
    assert (study.status().state, study.status().slots.done) == ("running", 2)

    with a_worker(client.url, "--exit-when-idle", "1") as patient:
        assert patient.ended() == 0

    status = study.status()
    assert (status.state, status.slots.done, status.slots.planned) == ("done", 10, 10)
    assert "nothing to do for 1 s" in patient.said


# optuna 3293, 6085, 5860: a failed, a stopped and a diverged run look the same
def test_diverged_failed_and_cancelled_trials_are_told_apart(client: Client) -> None:
    one = SPEC | {"arms": ["fixed"], "trials": 1, "confirm_seeds": 1}
    with a_worker(client.url, "--tasks", TROUBLE) as worker:
        worker.until_said("worker .* on cpu")
        diverged = client.submit(one | {"bounds": {"low": 1e5, "high": 1e6}})
        failed = client.submit(one | {"task": "refuses"})
        cancelled = client.submit(one | {"task": {"name": "slow", "options": {"pause": 0.02}}})
        diverged.wait(poll=0.1, timeout=120)
        failed.wait(poll=0.1, timeout=120)
        wait_for(lambda: list(cancelled.trials(state="running")), "it runs")
        cancelled.cancel()
        worker.until_said(rf"{cancelled.id}, trial 1\): stopped, cancelled")

    trials = [study.trial(1) for study in (diverged, failed, cancelled)]
    assert [trial.state for trial in trials] == ["diverged", "failed", "cancelled"]
    assert [[attempt.how for attempt in trial.attempts] for trial in trials] == [
        ["diverged"],
        ["failed"],
        ["cancelled"],
    ]
    assert "there is no such thing" in trials[1].reason


# optuna 6084, 6097, 6704; katib 182: workers speak to the store over a channel that is not encrypted
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_a_worker_trains_over_tls_and_trusts_no_other_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, token = outside_address(), secrets.token_urlsafe(32)
    certificate = _certificate(host, tmp_path)
    monkeypatch.setenv("CLR_TOKEN", token)
    (tmp_path / "data").mkdir()
    with (
        serving(tmp_path / "data", "--host", host, CLR_TOKEN=token) as client,
        _over_tls(client.url, host, certificate) as url,
        a_worker(url, "--max-slots", "2", CLR_TOKEN=token, SSL_CERT_FILE=str(certificate)) as worker,
        a_worker(url, CLR_TOKEN=token) as doubting,
    ):
        worker.until_said("worker .* on cpu")
        study = client.submit(SPEC)

        assert worker.ended() == 0
        assert study.status().slots.done == 2
        doubting.until_said("CERTIFICATE_VERIFY_FAILED")
        assert len(client.workers()) == 1, "the other never sent its token"


def _certificate(host: str, folder: Path) -> Path:
    """A certificate for `host` that nobody has signed, with its key in the same file."""
    file = folder / "service.pem"
    subject = ["-subj", "/CN=service", "-addext", f"subjectAltName=IP:{host}", "-days", "2"]
    keys = ["-newkey", "rsa:2048", "-nodes", "-keyout", str(file), "-out", str(folder / "alone.pem")]
    subprocess.run(["openssl", "req", "-x509", *keys, *subject], check=True, capture_output=True)
    file.write_text(file.read_text() + (folder / "alone.pem").read_text())
    return file


@contextlib.contextmanager
def _over_tls(service: str, host: str, certificate: Path) -> Iterator[str]:
    """What deploy/nginx.conf does: TLS outside, the service's HTTP inside."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    loop, inside = asyncio.new_event_loop(), urlsplit(service)

    async def hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_connection(inside.hostname, inside.port)
        await asyncio.gather(hand_on(reader, ours), hand_on(theirs, writer))

    server = loop.run_until_complete(asyncio.start_server(meet, host, 0, ssl=context))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield f"https://{host}:{server.sockets[0].getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        server.close()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
