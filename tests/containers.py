"""Dockerfile and docker-compose.yml read as Docker reads them, so that what they say can be run without it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILE = ROOT / "Dockerfile"


@dataclass
class Stage:
    """One FROM of the Dockerfile: its instructions in order, and those of the stage that it builds on before them."""

    name: str
    base: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def all(self, word: str) -> list[str]:
        return [rest for said, rest in self.instructions if said == word]

    def last(self, word: str) -> str:
        return self.all(word)[-1]

    @property
    def environment(self) -> dict[str, str]:
        return dict(pair.split("=", 1) for said in self.all("ENV") for pair in shlex.split(said))

    @property
    def copies(self) -> list[tuple[list[str], str]]:
        """(sources, target) of what is copied from the checkout."""
        words = [said.split() for said in self.all("COPY") if not said.startswith("--from=")]
        return [(parts[:-1], parts[-1]) for parts in words]


@cache
def stages() -> dict[str, Stage]:
    """The Dockerfile's stages by name."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    found: dict[str, Stage] = {}
    stage = Stage("", "")
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            stage = found[name] = Stage(name, base, list(found[base].instructions) if base in found else [])
        elif word:
            stage.instructions.append((word, rest.strip()))
    return found


def compose(variables: Mapping[str, str] | None = None) -> dict[str, Any]:
    """docker-compose.yml with its ${NAME:-default} filled in and its merge keys resolved."""

    def value(match: re.Match[str]) -> str:
        return (variables or {}).get(match["name"]) or match["default"]

    text = re.sub(r"\$\{(?P<name>\w+):-(?P<default>[^}]*)\}", value, COMPOSE.read_text())
    document: dict[str, Any] = yaml.safe_load(text)
    return document


def seconds(duration: str) -> float:
    """A duration of the Compose specification, as "1m30s" [s]."""
    unit = {"s": 1.0, "m": 60.0, "h": 3600.0}
    parts = re.findall(r"(\d+)([smh])", duration)
    assert "".join(number + letter for number, letter in parts) == duration
    return sum(float(number) * unit[letter] for number, letter in parts)


@dataclass(frozen=True)
class Container:
    """What Docker would run for a service: its process, its environment (nothing of the caller's), its health check."""

    command: list[str]
    environment: dict[str, str]
    health: list[str]
    grace: float


def container(name: str, places: Mapping[str, str]) -> Container:
    """A service of docker-compose.yml as a process of this machine.

    Args:
        places: what stands for a container's path or address here; the longest that fits is taken first.
    """
    said = compose()["services"][name]
    image = stages()[said["build"]["target"]] if "build" in said else Stage(name, said["image"])
    copied = {target: str(ROOT / source) for sources, target in image.copies for source in sources}
    here = dict(sorted({**places, **copied}.items(), key=lambda pair: -len(pair[0])))

    def placed(text: str) -> str:
        pattern = "|".join(map(re.escape, here))
        return re.sub(pattern, lambda match: here[match[0]], text)

    entry = json.loads(image.last("ENTRYPOINT")) if "build" in said else []
    environment = {**image.environment, **said.get("environment", {})}
    return Container(
        command=[*entry, *map(placed, said.get("command", []))],
        environment={variable: placed(str(value)) for variable, value in environment.items()},
        health=[placed(part) for part in said["healthcheck"]["test"][1:]],
        grace=seconds(said["stop_grace_period"]),
    )
