"""The thread that talks to the service about the attempt under way: reports, beats, its end.

It goes on while training or the child hangs, and while the service can't be reached it keeps what is to be told.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from clr.client import Client, is_temporary
from clr.errors import ClrError
from clr.protocol import (
    Answers,
    Holding,
    Lease,
    Pace,
    Release,
    Renewal,
    Report,
    Reports,
    Result,
    Results,
    SlotReply,
)
from clr.results import Checkpoint, Evaluation
from worker.spool import GiveBack, Parcel, Renew, Spool

logger = logging.getLogger(__name__)
_LONGEST_PAUSE = 5.0


@dataclass(frozen=True)
class Told:
    """Notice: the attempt's end was answered; "accepted", or why the service did not take it."""

    holding: Holding
    reply: SlotReply


@dataclass(frozen=True)
class Taken:
    """Notice: the attempt is no longer ours: its lease is lost or its study was cancelled. Stop it."""

    holding: Holding
    reply: SlotReply


@dataclass(frozen=True)
class Paused:
    """Notice: the study was paused. Save, stop, give the slot back."""

    holding: Holding


@dataclass(frozen=True)
class CutOff:
    """Notice: the service has not answered for too long."""

    seconds: float


@dataclass(frozen=True)
class Refused:
    """Notice: the service refuses us for a reason that trying again does not mend."""

    error: ClrError


Notice = Told | Taken | Paused | CutOff | Refused


class Link(threading.Thread):
    """Tells the service of one attempt at a time.

    Args:
        client: without retries of its own: this thread knows better how long to wait.
        worker: the id that this worker registered under.
        beat_seconds: between two renewals. report_seconds: news waits at most so long.
        max_offline: after so long without an answer, `CutOff` is notified, once per outage.
        notify: takes notices, from this thread.
    """

    def __init__(
        self,
        client: Client,
        worker: str,
        *,
        beat_seconds: float,
        report_seconds: float,
        max_offline: float,
        notify: Callable[[Notice], None],
    ) -> None:
        super().__init__(daemon=True, name="link")
        self._client, self._worker, self._notify = client, worker, notify
        self._beat, self._report, self._max_offline = beat_seconds, report_seconds, max_offline
        self._changed = threading.Condition()
        self._spool: Spool | None = None
        self._closed = False
        self._failing_since: float | None = None
        self._failures, self._said_cut_off = 0, False

    # -- called by the supervisor ----------------------------------------------------------------------------------

    def hold(self, lease: Lease) -> None:
        """From now on the lease is kept alive."""
        holding = Holding(slot=lease.slot, fence=lease.fence)
        with self._changed:
            self._spool = Spool(holding, beat_seconds=self._beat, report_seconds=self._report, now=time.monotonic())
            self._changed.notify()

    def tell(self, news: Evaluation | Checkpoint | Pace | Result | GiveBack) -> None:
        """Adds to what the service shall know of the attempt; nothing where it is no longer ours."""
        with self._changed:
            if self._spool is None:
                return
            match news:
                case Evaluation():
                    self._spool.evaluated(news)
                case Checkpoint():
                    self._spool.saved(news)
                case Pace():
                    self._spool.paced(news)
                case _:
                    self._spool.end(news)
            self._changed.notify()

    def close(self) -> None:
        """Ends the thread; what is not told is dropped."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    # -- the thread ------------------------------------------------------------------------------------------------

    def run(self) -> None:
        try:
            self._talk()
        except Exception as error:  # a silent end would leave the supervisor waiting, and the lease unkept
            logger.exception("the link to the service broke")
            self._notify(Refused(ClrError(f"The link to the service broke: {error!r}.")))

    def _talk(self) -> None:
        while (due := self._next()) is not None:
            spool, parcel = due
            try:
                reply = self._send(parcel)
            except ClrError as error:
                self._failed(error, spool)
            else:
                self._answered(spool, parcel, reply)

    def _next(self) -> tuple[Spool, Parcel] | None:
        """Waits for the next thing to say; None when closed."""
        with self._changed:
            while not self._closed:
                if self._spool is None:
                    self._changed.wait()
                elif (pause := self._spool.due_at - time.monotonic()) > 0:
                    self._changed.wait(pause)
                else:
                    return self._spool, self._spool.parcel()
        return None

    def _send(self, parcel: Parcel) -> SlotReply:
        client, worker = self._client, self._worker
        answers: Answers
        match parcel:
            case Renew(holding):
                answers = client.renew(Renewal(worker=worker, leases=(holding,)))
            case GiveBack(holding, reason):
                answers = client.release(Release(worker=worker, leases=(holding,), reason=reason))
            case Report():
                answers = client.report(Reports(worker=worker, reports=(parcel,)))
            case Result():
                answers = client.results(Results(worker=worker, results=(parcel,)))
        return answers.answers[0].reply

    def _answered(self, spool: Spool, parcel: Parcel, reply: SlotReply) -> None:
        self._recovered(spool)
        final = isinstance(parcel, Result | GiveBack)
        if reply not in ("accepted", "paused"):
            what = type(parcel).__name__.lower()
            holding = spool.holding
            logger.warning("refused: %s of slot %d, fence %d: %s", what, holding.slot, holding.fence, reply)
        with self._changed:
            spool.told(parcel, time.monotonic())
            if (final or reply in ("lease-lost", "cancelled")) and self._spool is spool:
                self._spool = None
        if final:
            self._notify(Told(spool.holding, reply))
        elif reply in ("lease-lost", "cancelled"):
            self._notify(Taken(spool.holding, reply))
        elif reply == "paused":
            self._notify(Paused(spool.holding))

    def _failed(self, error: ClrError, spool: Spool) -> None:
        """Waits a while after a temporary failure; gives the attempt up after another."""
        if not is_temporary(error):
            with self._changed:
                self._spool = None
            self._notify(Refused(error))
            return
        now = time.monotonic()
        if self._failing_since is None:
            self._failing_since = now
            logger.warning("training goes on, reports wait: %s", error)
        self._failures += 1
        if now - self._failing_since >= self._max_offline and not self._said_cut_off:
            self._said_cut_off = True
            self._notify(CutOff(now - self._failing_since))
        pause = random.uniform(0.5, 1.0) * min(_LONGEST_PAUSE, 0.2 * 2 ** min(self._failures, 10))
        with self._changed:
            self._changed.wait_for(lambda: self._closed, pause)

    def _recovered(self, spool: Spool) -> None:
        if self._failing_since is not None:
            away = time.monotonic() - self._failing_since
            logger.info("the service answers again after %.1f s; %d evaluations waited", away, spool.waiting)
        self._failing_since, self._failures, self._said_cut_off = None, 0, False
