"""The supervisor of one training child: it runs attempts one after another, whatever becomes of the child.

An attempt ends in one of these ways: the child says how (done, diverged, pruned, failed); it died or hung (crashed, and
a new child is started); or it was stopped, because the lease was lost, the study was cancelled or paused, this worker
shall end, or the device is no longer to be used.
"""

from __future__ import annotations

import logging
import queue
import signal
import statistics
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from clr.protocol import Holding, Lease, Result, TrialConfig
from worker import messages
from worker.availability import Permission
from worker.link import CutOff, Link, Paused, Refused, Taken, Told
from worker.link import Notice as LinkNotice
from worker.process import Exited, Heard, OverMemory, TrainingChild
from worker.spool import GiveBack

logger = logging.getLogger(__name__)
TICK = 0.25
_STARTS = 3


@dataclass(frozen=True)
class StopAsked:
    """Notice: this worker shall end."""

    signal: int


Notice = Heard | Exited | OverMemory | LinkNotice | StopAsked | Permission
Inbox = queue.SimpleQueue[Notice]
Stopping = Literal["", "taken", "signal", "cut-off", "refused"]


class ChildDoesNotStart(Exception):
    """The child ended before it was ready, each time; the message holds its last lines."""


@dataclass(frozen=True)
class Limits:
    """How long what may take [seconds].

    Attributes:
        hang: silence of a training child, at least; or 20 median times between its evaluations.
        start: silence before a trial's first evaluation, and of a child that starts.
        stop: of a child that was asked to stop.
        grace: from the first signal to this worker's end.
    """

    hang: float = 60.0
    start: float = 600.0
    stop: float = 10.0
    grace: float = 30.0


@dataclass
class Quiet:
    """How long a child has said nothing, in time that this process was awake to listen.

    Counted in ticks, not read off a clock: a supervisor that was stopped or suspended itself must not blame its child.
    """

    limits: Limits
    seconds: float = 0.0
    gaps: deque[float] = field(default_factory=lambda: deque(maxlen=100))
    _evaluated_at: float | None = None

    def heard(self, message: messages.Said, now: float) -> None:
        self.seconds = 0.0
        if isinstance(message, messages.Evaluated):
            if self._evaluated_at is not None:
                self.gaps.append(now - self._evaluated_at)
            self._evaluated_at = now

    @property
    def limit(self) -> float:
        if self._evaluated_at is None:
            return self.limits.start
        return max(self.limits.hang, 20 * statistics.median(self.gaps) if self.gaps else 0.0)

    @property
    def too_long(self) -> bool:
        return self.seconds >= self.limit


class Supervisor:
    """Runs attempts in a kept child.

    Args:
        spawn: starts a child that notifies `inbox`.
        inbox: everything that happens: what the child says, its end, the service's refusals, signals.
        limits: how long what may take.
    """

    def __init__(self, spawn: Callable[[], TrainingChild], inbox: Inbox, limits: Limits) -> None:
        self._spawn, self._inbox, self._limits = spawn, inbox, limits
        self._child: TrainingChild | None = None
        self.stopping: Stopping = ""
        self.resting = ""
        """Why the device may not be used now, "" where it may."""
        self.at_work = False
        self.refusal: Refused | None = None
        self._grace_ends: float | None = None
        self._started = False

    # -- the child -------------------------------------------------------------------------------------------------

    def ready(self) -> messages.Ready | None:
        """Starts a child where there is none; what it said when it was ready. None: this worker shall end, or it was.

        Raises:
            ChildDoesNotStart: it ended or hung instead; several times, where it did start before.
        """
        for _ in range(_STARTS if self._started else 1):
            if self._child is not None or self.stopping:
                return None
            child = self._child = self._spawn()
            said = self._first_word(child)
            if said is not None or self.stopping:
                self._started = True
                return said
        raise ChildDoesNotStart(f"The training child does not start:\n{child.tail.text()}")

    def _first_word(self, child: TrainingChild) -> messages.Ready | None:
        quiet = Quiet(self._limits)
        while self._child is child and not self.stopping:
            match self._next(quiet):
                case Heard(_, messages.Ready() as said):
                    return said
                case None if quiet.too_long:
                    child.kill()
        return None

    def look(self) -> None:
        """Takes in what happened between two attempts: a signal, an idle child's death."""
        while not self._inbox.empty():
            self._next(Quiet(self._limits))

    def rest(self) -> None:
        """Lets the device and its memory go while it may not be used, and waits a while for what happens."""
        self.close()
        quiet = Quiet(self._limits)
        self._next(quiet)
        while self._child is not None and quiet.seconds < self._limits.stop:
            self._next(quiet)

    def close(self) -> None:
        if self._child is not None:
            self._child.close()

    def kill(self) -> None:
        if self._child is not None:
            self._child.kill()

    def _next(self, quiet: Quiet) -> Notice | None:
        """What happened next, None when nothing did for a tick. What holds between attempts too is noted here."""
        try:
            notice = self._inbox.get(timeout=min(TICK, quiet.limit))
        except queue.Empty:
            quiet.seconds += min(TICK, quiet.limit)
            return None
        match notice:
            case StopAsked(number):
                self._stop("signal", f"{signal.Signals(number).name} received: no further lease")
            case Permission(refusal):
                self.resting = refusal
                logger.info("%s", f"{refusal}: no further lease until that changes" if refusal else "goes on")
            case CutOff(seconds):
                self._stop("cut-off", f"no answer from the service for {seconds:.0f} s: no further waiting")
            case Refused(error):
                self.refusal = notice
                self._stop("refused", str(error))
            case Heard(child, message) if child is self._child:
                quiet.heard(message, time.monotonic())
            case Exited(child, _) if child is self._child:
                self._child = None
        return notice

    def _stop(self, why: Stopping, line: str) -> None:
        logger.warning("%s", line)
        self.stopping = self.stopping or why
        if self._grace_ends is None:
            self._grace_ends = time.monotonic() + self._limits.grace

    # -- an attempt ------------------------------------------------------------------------------------------------

    def run(self, lease: Lease, link: Link) -> None:
        """One attempt, from its lease until the service has taken how it ended, or has refused to."""
        child = self._child
        assert child is not None, "ready() comes first"
        child.tail.clear()
        at = f", goes on from iteration {lease.resume.iteration}" if lease.resume is not None else ""
        logger.info("slot %d (%s, trial %d): attempt %d%s", lease.slot, lease.study, lease.number, lease.attempt, at)
        link.hold(lease)
        key = f"{_folder(lease)}/f{lease.fence:06d}"
        child.ask(messages.Train(config=lease.config, key=key, resume=lease.resume))
        attempt = _Attempt(lease, child, link, Quiet(self._limits))
        self.at_work = True
        while attempt.end is None and not attempt.over:
            self._step(attempt)
        self.at_work = False
        if attempt.taken:
            attempt.closed(attempt.taken)
        elif attempt.end is not None:
            link.tell(attempt.end)
            self._deliver(attempt)

    def _step(self, attempt: _Attempt) -> None:
        notice = self._next(attempt.quiet)
        match notice:
            case Heard(child, message) if child is attempt.child:
                attempt.heard(message)
            case OverMemory(child, reason) if child is attempt.child:
                attempt.exceeded(reason)
            case Exited(child, code) if child is attempt.child:
                attempt.exited(code)
            case Taken(holding, reply) if holding == attempt.holding:
                attempt.taken = reply
            case Paused(holding) if holding == attempt.holding:
                attempt.paused = "the study is paused"
        if attempt.end is None and not attempt.over:
            self._press(attempt)

    def _press(self, attempt: _Attempt) -> None:
        """Asks a child to stop that should; kills one that does not, or that hangs."""
        now = time.monotonic()
        leaving = self._leaving or attempt.paused
        if (attempt.taken or leaving) and attempt.stop_by is None:
            attempt.leaving = leaving
            attempt.stop_by = now + min(self._limits.stop, self._limits.grace / 2)
            attempt.child.ask(messages.Stop())
        elif attempt.stop_by is not None and now > attempt.stop_by:
            attempt.child.kill()
        elif attempt.stop_by is None and attempt.quiet.too_long and not attempt.killed_for:
            attempt.killed_for = f"hung: nothing was heard of it for {attempt.quiet.seconds:.0f} s"
            attempt.child.kill()

    @property
    def _leaving(self) -> str:
        """Why no attempt may go on here, "" where one may."""
        return f"the worker stops: {self.stopping}" if self.stopping else self.resting

    def _deliver(self, attempt: _Attempt) -> None:
        """Waits until the service has answered the end; not beyond the grace, and not where nobody answers."""
        quiet = Quiet(self._limits)
        while not (self.stopping in ("cut-off", "refused") or self._grace_is_over()):
            match self._next(quiet):
                case Told(holding, reply) | Taken(holding, reply) if holding == attempt.holding:
                    attempt.closed(reply)
                    return
        logger.warning("the end of slot %d could not be told", attempt.lease.slot)

    def _grace_is_over(self) -> bool:
        return self._grace_ends is not None and time.monotonic() > self._grace_ends


@dataclass
class _Attempt:
    """One lease being worked off: what was heard of it, and how it ended."""

    lease: Lease
    child: TrainingChild
    link: Link
    quiet: Quiet
    iteration: int = 0
    began: float = field(default_factory=time.monotonic)
    saved: bool = False
    taken: str = ""
    paused: str = ""
    leaving: str = ""
    stop_by: float | None = None
    killed_for: str = ""
    raised: str = ""
    hopeless: str = ""
    end: Result | GiveBack | None = None
    over: bool = False

    def heard(self, message: messages.Said) -> None:
        match message:
            case messages.Evaluated(evaluation=evaluation):
                self.iteration = evaluation.iteration
                self.link.tell(evaluation)
            case messages.Paced(pace=pace):
                self.link.tell(pace)
            case messages.Saved(checkpoint=checkpoint):
                self.saved = True
                self.link.tell(checkpoint)
            case messages.Raised(reason=reason):
                self.raised = reason  # its exit follows, and with it the traceback
            case messages.Interrupted():
                self._stopped()
            case messages.Ending():
                self._ended(message)

    def exited(self, code: int) -> None:
        """The child is gone: by our hand because it had to stop, or it crashed."""
        if self.stop_by is not None:
            self._stopped()
            return
        if self.hopeless:
            logger.warning("slot %d: %s", self.lease.slot, self.hopeless)
            self._finish("failed", reason=self.hopeless, tail=self.child.tail.text(), seconds=self._seconds)
            return
        reason = self.raised or self.killed_for or _exit_reason(code)
        logger.warning("slot %d: the training child crashed: %s", self.lease.slot, reason)
        self._finish("crashed", reason=reason, tail=self.child.tail.text(), seconds=self._seconds)

    def exceeded(self, reason: str) -> None:
        """It uses more memory than it may, and would again: its slot has failed, once the child is gone."""
        self.hopeless = reason
        self.child.kill()

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self.began

    def closed(self, reply: str) -> None:
        """The service has answered how the attempt ended; a slot that has its outcome needs no checkpoint."""
        end, lease = self.end, self.lease
        how = "stopped" if self.taken else end.outcome if isinstance(end, Result) else "released"
        logger.info("slot %d (%s, trial %d): %s, %s", lease.slot, lease.study, lease.number, how, reply)
        settled = reply == "cancelled" or (reply == "accepted" and how in ("done", "diverged", "pruned", "failed"))
        if settled and (self.saved or lease.resume is not None):
            self.child.ask(messages.Discard(folder=_folder(lease)))

    def _stopped(self) -> None:
        if self.taken:
            self.over = True
        elif self.leaving:
            self.end = GiveBack(self.holding, reason=self.leaving)
        else:
            self._finish("crashed", reason="it stopped without being asked")

    def _ended(self, message: messages.Ending) -> None:
        seconds, provenance, at = message.seconds, message.provenance, message.iteration
        match message:
            case messages.Finished(value=value, test=test):
                self._finish("done", iteration=at, value=value, test=test, seconds=seconds, provenance=provenance)
            case messages.Described(facts=facts):
                self._finish("done", facts=facts, seconds=seconds, provenance=provenance)
            case messages.Diverged(reason=reason):
                self._finish("diverged", iteration=at, reason=reason, seconds=seconds, provenance=provenance)
            case messages.Pruned(value=value):
                why = _worse(self.lease.config, at, value)
                self._finish("pruned", iteration=at, value=value, reason=why, seconds=seconds, provenance=provenance)
            case messages.Failed(reason=reason):
                self._finish("failed", reason=reason, tail=self.child.tail.text(), seconds=seconds)

    def _finish(self, outcome: Literal["done", "diverged", "pruned", "failed", "crashed"], **known: object) -> None:
        known.setdefault("iteration", self.iteration)
        holding = self.holding
        self.end = Result(slot=holding.slot, fence=holding.fence, outcome=outcome, **known)

    @property
    def holding(self) -> Holding:
        return Holding(slot=self.lease.slot, fence=self.lease.fence)


def _folder(lease: Lease) -> str:
    """Where a slot's checkpoints lie; a study's id is no other's, also where two services share a root."""
    return f"{lease.study}-slot-{lease.slot}"


def _worse(config: TrialConfig, iteration: int, value: float) -> str:
    """Why a trial was pruned."""
    (threshold,) = (rung.threshold for rung in config.rungs if rung.iteration == iteration)
    return f"at iteration {iteration} its validation metric was {value:.4g}, worse than {threshold:.4g}"


def _exit_reason(code: int) -> str:
    if code >= 0:
        return f"exited with code {code}"
    name = signal.Signals(-code).name
    hint = " (not by its supervisor; often the host was out of memory)" if -code == signal.SIGKILL else ""
    return f"killed by {name}{hint}"
