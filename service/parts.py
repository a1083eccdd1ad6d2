"""What the routes work with."""

from __future__ import annotations

from dataclasses import dataclass

from service.answers import Answers
from service.doorbell import Doorbell
from service.opening import Opener
from service.settings import Settings
from service.store.database import Database


@dataclass(frozen=True)
class Parts:
    """One service's parts; `app.state.parts`."""

    settings: Settings
    database: Database
    doorbell: Doorbell
    opener: Opener
    answers: Answers
