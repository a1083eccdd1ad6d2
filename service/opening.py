"""Opens rounds that are due. One study's failure stands in the log and stops no other study."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable

from clr.errors import NotFound
from service.doorbell import Doorbell
from service.store import rounds, studies
from service.store.database import Database

logger = logging.getLogger("clr.service")
# Looking for due rounds may take at most this share of the time, however many studies are live.
SHARE = 0.1


class Opener:
    """Opens rounds in the database and rings where slots were written."""

    def __init__(self, database: Database, doorbell: Doorbell) -> None:
        self._database, self._doorbell = database, doorbell
        self._looking = threading.Lock()
        self._next_look = 0.0

    def open(self, ids: Iterable[str]) -> int:
        """Opens what is due in these studies; returns how many slots were written."""
        opened = sum(self._open(study) for study in ids)
        if opened:
            self._doorbell.ring()
        return opened

    def open_due(self) -> int:
        """Opens what is due where a study stands still: a crash between a result and the next round heals here."""
        if not self._looking.acquire(blocking=False):
            return 0
        try:
            started = time.monotonic()
            if started < self._next_look:
                return 0
            opened = self.open(studies.stalled(self._database))
            ended = time.monotonic()
            self._next_look = ended + (ended - started) / SHARE
            return opened
        finally:
            self._looking.release()

    def _open(self, study: str) -> int:
        try:
            return rounds.open(self._database, study)
        except NotFound:  # deleted in between
            return 0
        except Exception:
            # The result that made the round due is stored and stays; a later lease request tries again.
            logger.exception("the next round of study %s can't be opened", study)
            return 0
