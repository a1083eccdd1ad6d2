"""What the README says to type works as it stands."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from serving import CLEAN, serving

from clr.client import Client
from clr.spec import parse

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.S)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with serving(tmp_path_factory.mktemp("readme"), workers=1) as client:
        yield client


def test_every_call_of_the_walk_through_works(client: Client, tmp_path: Path) -> None:
    walk = README.partition("<!-- walk-through")[2].partition("<!-- end of the walk-through")[0]
    calls = blocks("sh", walk)
    script = "\n".join(["set -euo pipefail", *(f"{call}\necho; echo ----" for call in calls)])

    done = subprocess.run(
        ["bash", "-c", script],
        check=False,
        cwd=tmp_path,
        env={**CLEAN, "SERVICE": client.url},
        capture_output=True,
        text=True,
        timeout=90,
    )

    assert done.returncode == 0, done.stderr
    assert len(calls) == 11 and "curl" in script
    said = done.stdout.split("----")
    assert '"status":"ok"' in said[0]
    assert all(family in said[1] for family in ("triangular2", "digits", "live"))
    assert json.loads(said[2])["rates"] == [0.001, 0.006, 0.001, 0.0035, 0.001]
    assert {"/arms/0/fixed/max_lr", "/trials"} <= {error["pointer"] for error in json.loads(said[4])["errors"]}
    assert all(words in said[5] for words in ('"estimated_seconds"', '"paused":"lunch"', '"turns"', '"priority":5'))
    assert '"next_cursor"' in said[6]
    assert '"provisional"' in said[7] or '"confirmed"' in said[7]
    assert '"cancelled"' in said[10]


def test_every_linked_file_is_there_and_the_demo_shows_its_seven_arms() -> None:
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / link).exists(), link
    table = README.partition("What the demo printed")[2].partition("## Install")[0]
    assert len(re.findall(r"^\w+ +\d+\.\d+ \[", table, flags=re.M)) == 7


def test_the_spec_is_valid() -> None:
    (text,) = [block for block in blocks("yaml") if "spec.yaml" in block]

    assert len(parse(yaml.safe_load(text)).arms) == 4


def test_the_walk_through_names_every_route_of_a_users_side(client: Client) -> None:
    described = httpx.get(f"{client.url}/openapi.json", trust_env=False).json()["paths"]
    workers_side = {"/v1/leases", "/v1/leases/renew", "/v1/leases/release", "/v1/reports", "/v1/results"}

    for route in set(described) - workers_side:
        assert route.replace("{study}", "$STUDY").replace("{number}", "1") in README, route


def test_the_task_of_the_readme_is_trained(tmp_path: Path) -> None:
    (code,) = [block for block in blocks("python") if "my_tasks.py" in block]
    (tmp_path / "my_tasks.py").write_text(code)

    with serving(tmp_path, "--tasks", str(tmp_path / "my_tasks.py"), workers=1) as client:
        study = client.submit(
            {
                "task": "blobs",
                "arms": ["fixed", "triangular"],
                "budget": {"epochs": 3},
                "bounds": {"low": 0.001, "high": 0.1},
                "trials": 2,
                "confirm_seeds": 2,
            }
        )
        assert study.wait(poll=0.2, timeout=60).state == "done"
        best = study.best().arms[0]

    assert best.mean is not None and best.mean > 0.8
