"""The worker: register, then lease -> train -> report until told to stop."""

from __future__ import annotations

import logging
import os
import platform
import random
import signal
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from types import FrameType
from typing import TypeVar

from clr.client import Client, is_temporary
from clr.data_folder import default_checkpoints
from clr.errors import ClrError, NotFound, Unauthorized, UpgradeNeeded
from clr.protocol import Lease, LeaseRequest, Registered, Registration
from worker import device, messages, neighbours
from worker.availability import Availability, Watch
from worker.hours import Hours
from worker.link import Link
from worker.process import TrainingChild
from worker.supervisor import ChildDoesNotStart, Inbox, Limits, StopAsked, Supervisor

logger = logging.getLogger(__name__)
LEASE_WAIT = 1.0
"""How long the service may hold a lease call open [seconds]; a signal waits for the answer: it may be a lease."""

T = TypeVar("T")


class ExitCode(IntEnum):
    """How `worker` ends."""

    STOPPED = 0
    FAILED = 1
    CHILD_DOES_NOT_START = 3
    UNAUTHORIZED = 4
    UPGRADE_NEEDED = 5
    UNREACHABLE = 6


@dataclass(frozen=True)
class Options:
    """What an operator may set of one worker.

    Attributes:
        device: "cpu" or "cuda:N". threads: of torch on the CPU.
        checkpoints: folder or URL that the workers share. checkpoint_seconds: pause between two of a trial.
        tasks: modules that register tasks, and task files. command: of the one task file.
        max_slots, exit_when_idle: end after so many slots, after so many seconds without one.
        max_offline: how long to train on, or to wait, while the service does not answer [seconds].
        report_seconds: news of a trial waits at most so long.
        hours: in which it trains; None: all. idle_only: train only while others leave the device alone.
        availability: asked instead of these two.
        max_memory: what a trial may use: of the GPU, on the CPU of the host's memory [bytes].
    """

    device: str = "cpu"
    threads: int = 1
    checkpoints: str = ""
    checkpoint_seconds: float = 30.0
    tasks: tuple[str, ...] = ()
    command: str = ""
    max_slots: int | None = None
    exit_when_idle: float | None = None
    max_offline: float = 600.0
    report_seconds: float = 1.0
    limits: Limits = field(default_factory=Limits)
    hours: Hours | None = None
    idle_only: bool = False
    availability: Availability | None = None
    max_memory: int | None = None


def run(client: Client, options: Options) -> ExitCode:
    """Works until a signal, a limit of the options, or a refusal that waiting does not mend."""
    return _Worker(client, options).run()


class _Worker:
    def __init__(self, client: Client, options: Options) -> None:
        self._client, self._options = client, options
        self._inbox: Inbox = Inbox()
        self._id = str(uuid.uuid4())
        self._supervisor = Supervisor(self._spawn, self._inbox, options.limits)
        self._told_to_stop = False  # a plain flag: a signal handler must take no lock
        self._ready: messages.Ready | None = None

    def run(self) -> ExitCode:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._signalled)
        try:
            return self._work()
        except _EndOfWaiting:
            return ExitCode.UNREACHABLE
        except ChildDoesNotStart as error:
            logger.error("%s", error)
            return ExitCode.CHILD_DOES_NOT_START
        except ClrError as error:
            logger.error("%s", error)
            return _exit_code(error)
        finally:
            self._supervisor.close()

    def _work(self) -> ExitCode:
        self._knock()
        self._ready = self._supervisor.ready()
        registered = self._patiently(self._register)
        if registered is None:
            return ExitCode.STOPPED
        link = Link(
            self._client,
            self._id,
            beat_seconds=registered.beat_seconds,
            report_seconds=self._options.report_seconds,
            max_offline=self._options.max_offline,
            notify=self._inbox.put,
        )
        link.start()
        watch = self._watched()
        try:
            self._work_off(link)
        finally:
            link.close()
            watch.close()
        return self._exit_code()

    def _work_off(self, link: Link) -> None:
        """Runs slot after slot."""
        done, idle_since = 0, time.monotonic()
        while done != self._options.max_slots:
            lease = self._next_lease()
            if self._supervisor.stopping:
                return
            if lease is not None:
                self._supervisor.run(lease, link)
                done, idle_since = done + 1, time.monotonic()
            elif self._has_been_idle(time.monotonic() - idle_since):
                return

    def _next_lease(self) -> Lease | None:
        """None: there is none now, the device may not be used, or this worker shall end."""
        self._supervisor.look()
        if self._supervisor.resting:
            self._supervisor.rest()
            return None
        self._supervisor.ready()
        return None if self._supervisor.stopping else self._patiently(self._lease)

    def _watched(self) -> Watch:
        """A running watch over when the device may be used; what it found first is noted before the first lease."""
        options, ready = self._options, self._ready
        probe = (
            neighbours.probe(options.device, options.threads, ready.gpu if ready else "") if options.idle_only else None
        )
        availability = options.availability or Availability(options.hours, probe)
        watch = Watch(availability, lambda: self._supervisor.at_work, self._inbox.put)
        watch.start()
        return watch

    def _has_been_idle(self, seconds: float) -> bool:
        limit = self._options.exit_when_idle
        if limit is None or seconds < limit:
            return False
        logger.info("nothing to do for %.0f s", seconds)
        return True

    def _knock(self) -> None:
        """A wrong token is said at once, not after the seconds that a child takes to start."""
        try:
            self._client.ready()
        except Unauthorized:
            raise
        except ClrError as error:
            logger.debug("not ready yet: %s", error)  # registering says what matters of it

    def _register(self) -> Registered | None:
        ready = self._ready
        if ready is None:
            return None
        registration = Registration(
            worker=self._id, host=platform.node(), device=ready.device, versions=ready.versions, tasks=ready.tasks
        )
        registered = self._client.register(registration)
        names = ", ".join(task.name for task in ready.tasks)
        logger.info("worker %s on %s, tasks: %s", self._id, ready.device.name, names)
        return registered

    def _lease(self) -> Lease | None:
        request = LeaseRequest(worker=self._id, count=1, wait=LEASE_WAIT)
        try:
            leases = self._client.lease(request).leases
        except NotFound:  # the service's database is another than at the start
            self._register()
            return None
        return leases[0] if leases else None

    def _patiently(self, call: Callable[[], T | None]) -> T | None:
        """The call's answer, tried again while the service can't be reached; None when this worker shall end.

        Raises:
            _EndOfWaiting: it could not be reached for `max_offline`.
        """
        began, tries = time.monotonic(), 0
        while not self._told_to_stop:
            try:
                return call()
            except ClrError as error:
                if not is_temporary(error):
                    raise
                if tries == 0:
                    logger.warning("waiting for the service: %s", error)
                if time.monotonic() - began > self._options.max_offline:
                    logger.error("no answer for %.0f s", self._options.max_offline)
                    raise _EndOfWaiting from None
            tries += 1
            self._pause(random.uniform(0.5, 1.0) * min(5.0, 0.2 * 2 ** min(tries, 10)))
        return None

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._told_to_stop and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))

    def _spawn(self) -> TrainingChild:
        options = self._options
        memory = options.max_memory
        arguments = [
            *("--device", options.device),
            *("--threads", str(options.threads)),
            *("--checkpoints", options.checkpoints or default_checkpoints()),
            *("--checkpoint-seconds", str(options.checkpoint_seconds)),
            *(("--max-memory", str(memory)) if memory is not None else ()),
            *(part for source in options.tasks for part in ("--tasks", source)),
            *(("--command", options.command) if options.command else ()),
        ]
        environment = device.environment(options.device, options.threads)
        on_host = memory if options.device == "cpu" else None
        return TrainingChild(arguments, environment, self._inbox.put, on_host)

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        """The first signal ends this worker in order, the second at once."""
        if self._told_to_stop:
            self._supervisor.kill()
            os._exit(128 + number)
        self._told_to_stop = True
        self._inbox.put(StopAsked(number))

    def _exit_code(self) -> ExitCode:
        if self._supervisor.refusal is not None:
            return _exit_code(self._supervisor.refusal.error)
        return ExitCode.UNREACHABLE if self._supervisor.stopping == "cut-off" else ExitCode.STOPPED


class _EndOfWaiting(Exception):
    """The service did not answer for as long as this worker waits."""


def _exit_code(error: ClrError) -> ExitCode:
    if isinstance(error, Unauthorized):
        return ExitCode.UNAUTHORIZED
    return ExitCode.UPGRADE_NEEDED if isinstance(error, UpgradeNeeded) else ExitCode.FAILED
