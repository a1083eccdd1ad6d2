"""docker-compose.yml says what the Compose specification allows, and what this product needs."""

import copy
import json
import re
from pathlib import Path

import pytest
from containers import COMPOSE, ROOT, compose, seconds, stages
from jsonschema import Draft7Validator

from service.server import GRACEFUL_SHUTDOWN

SCHEMA = Draft7Validator(json.loads((Path(__file__).parent / "compose-spec.json").read_text()))
FILE = compose()
SERVICES = FILE["services"]
OURS = [name for name, said in SERVICES.items() if "build" in said]
WORKERS = [name for name in SERVICES if name.startswith("worker")]


def test_the_file_follows_the_compose_specification() -> None:
    assert [error.message for error in SCHEMA.iter_errors(FILE)] == []


@pytest.mark.parametrize(
    ("service", "key", "wrong"),
    [
        ("service", "stop_grace_priod", "30s"),
        ("service", "healthcheck", {"test": 7}),
        ("worker-gpu", "deploy", {"resources": {"reservations": {"devices": [{"driver": "nvidia", "count": "all"}]}}}),
    ],
)
def test_the_schema_refuses_what_docker_would(service: str, key: str, wrong: object) -> None:
    document = copy.deepcopy(FILE)
    document["services"][service][key] = wrong

    assert not SCHEMA.is_valid(document)


def test_every_variable_has_a_default() -> None:
    asked = re.findall(r"\$\{(\w+)([^}]*)\}", COMPOSE.read_text())

    assert asked and all(rest.startswith(":-") for _, rest in asked)


def test_everything_that_is_named_is_there() -> None:
    for said in SERVICES.values():
        assert set(said.get("depends_on", {})) <= set(SERVICES)
        assert set(said.get("secrets", [])) <= set(FILE["secrets"])
        assert {mount.partition(":")[0] for mount in said.get("volumes", [])} <= set(FILE["volumes"])
        assert said.get("build", {"target": "service"})["target"] in stages()


def test_secrets_are_files_and_no_service_shows_their_values() -> None:
    assert all(set(said) == {"file"} for said in FILE["secrets"].values())
    for said in SERVICES.values():
        files = {name: value for name, value in said["environment"].items() if re.search("TOKEN|PASSWORD", name)}
        assert all(name.endswith("_FILE") for name in files)
        assert {value.removeprefix("/run/secrets/") for value in files.values()} == set(said["secrets"])


def test_the_secrets_folder_is_never_committed() -> None:
    ignored = (ROOT / ".gitignore").read_text().splitlines()

    assert {str(Path(said["file"]).parent) for said in FILE["secrets"].values()} == {"secrets"}
    assert "/secrets/" in ignored


def test_workers_hold_no_database_password() -> None:
    for name in WORKERS:
        assert SERVICES[name]["secrets"] == ["token"]
        assert "CLR_DATABASE" not in SERVICES[name]["environment"]


def test_only_the_service_is_published_and_on_this_machine_alone() -> None:
    published = {name: said["ports"] for name, said in SERVICES.items() if "ports" in said}

    assert published == {"service": ["127.0.0.1:8000:8000"]}
    assert compose({"CLR_PORT": "9000"})["services"]["service"]["ports"] == ["127.0.0.1:9000:8000"]


def test_postgresql_18_keeps_its_data_in_the_volume() -> None:
    """Its image moved the data to /var/lib/postgresql/18/docker: a mount on .../data would lose them."""
    assert SERVICES["postgres"]["image"] == "postgres:18"
    assert SERVICES["postgres"]["volumes"] == ["postgres:/var/lib/postgresql"]


def test_every_service_has_a_health_check_and_starts_again() -> None:
    for said in SERVICES.values():
        assert said["healthcheck"]["test"][0] == "CMD"
        assert said["restart"] == "unless-stopped"


def test_who_waits_for_whom_waits_until_it_is_healthy() -> None:
    waits = {name: said["depends_on"] for name, said in SERVICES.items() if "depends_on" in said}

    assert waits == {
        "service": {"postgres": {"condition": "service_healthy"}},
        **{name: {"service": {"condition": "service_healthy"}} for name in WORKERS},
    }


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_is_killed_only_after_its_own_grace(name: str) -> None:
    command = SERVICES[name]["command"]
    grace = float(command[command.index("--grace") + 1])

    assert seconds(SERVICES[name]["stop_grace_period"]) >= grace + 10


def test_the_service_is_killed_only_after_open_requests_had_their_time() -> None:
    assert seconds(SERVICES["service"]["stop_grace_period"]) >= GRACEFUL_SHUTDOWN + 10


@pytest.mark.parametrize("name", OURS)
def test_our_containers_write_to_their_volumes_alone_and_gain_no_rights(name: str) -> None:
    said = SERVICES[name]

    assert said["read_only"] is True and said["tmpfs"] == ["/tmp"]
    assert said["cap_drop"] == ["ALL"] and said["security_opt"] == ["no-new-privileges:true"]


def test_service_and_workers_share_the_checkpoints() -> None:
    for name in OURS:
        assert "checkpoints:/data" in SERVICES[name]["volumes"]
        assert stages()[SERVICES[name]["build"]["target"]].environment["CLR_DATA"] == "/data"


def test_gpus_are_reserved_by_the_gpu_worker_which_starts_on_demand() -> None:
    (device,) = SERVICES["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"]

    assert device == {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}
    assert {name: said["profiles"] for name, said in SERVICES.items() if "profiles" in said} == {"worker-gpu": ["gpu"]}
