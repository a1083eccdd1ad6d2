"""Spec and task facts -> the plan of a study (its ledger): pure."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from clr.protocol import Message, TaskFacts, TrialConfig
from clr.results import Phase


class PlannedSlot(Message):
    """A slot as it is written when its round opens."""

    phase: Phase
    arm: str
    round: int
    position: int
    number: int
    params: dict[str, Any] = Field(default_factory=dict)
    config: TrialConfig
