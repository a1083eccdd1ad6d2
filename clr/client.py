"""Client: what users, the commands and the worker say to the service, typed, over httpx.

    >>> client = Client("http://127.0.0.1:8000")                                            # doctest: +SKIP
    >>> study = client.submit({"task": "digits", "arms": ["fixed", "triangular2"]})         # doctest: +SKIP
    >>> study.wait()                                                                        # doctest: +SKIP
    >>> print(study.best().sentence)                                                        # doctest: +SKIP

Where a temporary failure is met (nobody answers, 408, 429, 502 to 504, an idempotent request still in flight) a call is
sent again, with growing, jittered pauses or as long as the service asks for. Every call is safe to send again: the
worker's are idempotent by fencing token, `submit` by its key. The token stands in no repr, log or error.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from pydantic import BaseModel

from clr import findings, protocol, resources, turns
from clr.errors import ClrError, ServiceError, ServiceUnreachable
from clr.results import Phase
from clr.spec import StudySpec
from clr.transport import (
    TEMPORARY,
    Bearer,
    checked,
    document_of,
    error_of,
    is_loopback,
    is_temporary,
    jitter,
    problem_of,
    read,
    retry_after,
    token_from_environment,
    token_from_file,
)

__all__ = ["Client", "StudyHandle", "is_loopback", "is_temporary", "token_from_environment", "token_from_file"]
DEFAULT_URL = "http://127.0.0.1:8000"
ENDED: frozenset[resources.StudyState] = frozenset({"done", "failed", "cancelled"})

M = TypeVar("M", bound=BaseModel)


class Client:
    """The service at one address.

    Args:
        url: the service's address; default: CLR_SERVICE, else http://127.0.0.1:8000.
        token: the shared token; default: CLR_TOKEN, else the content of the file named by CLR_TOKEN_FILE, else none.
        timeout: of connecting and of each answer [seconds].
        retries: how often a call is sent again after a temporary failure.

    Raises (every call):
        ServiceUnreachable: nobody answers there. Unauthorized: the token is missing or wrong. NotFound, Conflict,
        UpgradeNeeded, and RequestRefused for every other refusal, with `errors` by field.
    """

    def __init__(
        self, url: str | None = None, token: str | None = None, *, timeout: float = 30.0, retries: int = 5
    ) -> None:
        self.url = (url or os.environ.get("CLR_SERVICE") or DEFAULT_URL).rstrip("/")
        if not self.url.startswith(("http://", "https://")):
            raise ServiceError(f"{self.url!r} is no address of a service: it begins with http:// or https://.")
        self.timeout, self.retries = timeout, retries
        token = checked(token if token is not None else token_from_environment())
        self._http = httpx.Client(
            base_url=self.url,
            timeout=timeout,
            auth=Bearer(token) if token else None,
            trust_env=not is_loopback(httpx.URL(self.url).host),  # a proxy can't reach this host's loopback
            headers={"Accept": "application/json"},
            # Below the five seconds after which uvicorn closes an idle connection, maybe under a request's feet.
            limits=httpx.Limits(keepalive_expiry=3.0),
        )

    def __repr__(self) -> str:
        return f"Client({self.url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    # -- studies -------------------------------------------------------------------------------------------------

    def submit(self, spec: StudySpec | Mapping[str, Any], *, key: str | None = None) -> StudyHandle:
        """A new study, stored when this returns; the same `key` with the same spec gives the same study again.

        Where the spec names no owner it is CLR_OWNER, else the login name: owners share the workers.
        """
        headers = {"Idempotency-Key": key or str(uuid.uuid4())}
        response = self._send("POST", "/v1/studies", content=json.dumps(document_of(spec)), headers=headers)
        return StudyHandle(str(response.json()["id"]), self)

    def plan(self, spec: StudySpec | Mapping[str, Any]) -> turns.PlanResource:
        """What a study of this spec would train, and how long that takes; nothing is stored."""
        return read(self._send("POST", "/v1/plan", content=json.dumps(document_of(spec))), turns.PlanResource)

    def queue(self, study: str | None = None) -> turns.Queue:
        """Live studies in the order in which they get the next free worker, or that one alone."""
        return self._get("/v1/queue", turns.Queue, {"study": study} if study else None)

    def study(self, study: str) -> StudyHandle:
        """The study of that id; nothing is asked yet."""
        return StudyHandle(study, self)

    def studies(
        self,
        *,
        state: resources.StudyState | None = None,
        task: str | None = None,
        owner: str | None = None,
        name: str | None = None,
        created_after: datetime | None = None,
        page_size: int = 100,
    ) -> Iterator[resources.StudySummary]:
        """Every study that is wanted, newest first, page by page; `name`: what its name holds."""
        wanted = {"state": state, "task": task, "owner": owner, "name": name, "limit": page_size}
        after = created_after.isoformat() if created_after else None
        return self._pages("/v1/studies", resources.StudySummary, {**wanted, "created_after": after})

    def best(
        self,
        *,
        task: str | None = None,
        model: str | None = None,
        optimizer: str | None = None,
        setting: str | None = None,
        page_size: int = 100,
    ) -> Iterator[findings.Finding]:
        """What every study that is over has confirmed as best; not paired, see `clr.findings.UNPAIRED`."""
        wanted = {"task": task, "model": model, "optimizer": optimizer, "setting": setting, "limit": page_size}
        return self._pages("/v1/best", findings.Finding, wanted, page=findings.Findings)

    def tasks(self) -> tuple[resources.TaskResource, ...]:
        """What a worker has announced, with the JSON schema of its options."""
        return tuple(self._pages("/v1/tasks", resources.TaskResource, {}))

    def schedules(self) -> tuple[resources.ScheduleResource, ...]:
        """The schedule families that a study can take as arms."""
        return tuple(self._pages("/v1/schedules", resources.ScheduleResource, {}))

    def workers(self) -> tuple[resources.WorkerResource, ...]:
        """Who runs trials, live or gone."""
        return tuple(self._pages("/v1/workers", resources.WorkerResource, {}))

    def health(self) -> resources.Health:
        """Whether the service's process lives; wants no token."""
        return self._get("/healthz", resources.Health)

    def ready(self) -> resources.Health:
        """Whether database, schema and disk are good."""
        return self._get("/readyz", resources.Health)

    def about(self) -> resources.About:
        """Versions, database, disk and clock of the service."""
        return self._get("/v1/about", resources.About)

    # -- the worker's calls --------------------------------------------------------------------------------------

    def register(self, registration: protocol.Registration) -> protocol.Registered:
        return self._post("/v1/workers", registration, protocol.Registered)

    def lease(self, request: protocol.LeaseRequest) -> protocol.Leases:
        """Slots to run; waits up to `request.wait` seconds for the first."""
        return self._post("/v1/leases", request, protocol.Leases, wait=request.wait)

    def renew(self, renewal: protocol.Renewal) -> protocol.Answers:
        return self._post("/v1/leases/renew", renewal, protocol.Answers)

    def release(self, release: protocol.Release) -> protocol.Answers:
        """Gives slots and their attempts back."""
        return self._post("/v1/leases/release", release, protocol.Answers)

    def report(self, reports: protocol.Reports) -> protocol.Answers:
        return self._post("/v1/reports", reports, protocol.Answers)

    def results(self, results: protocol.Results) -> protocol.Answers:
        return self._post("/v1/results", results, protocol.Answers)

    # -- over the wire -------------------------------------------------------------------------------------------

    def _get(self, path: str, model: type[M], params: Mapping[str, Any] | None = None) -> M:
        return read(self._send("GET", path, params=params), model)

    def _post(self, path: str, message: protocol.Message, model: type[M], *, wait: float = 0.0) -> M:
        return read(self._send("POST", path, content=message.model_dump_json(), wait=wait), model)

    def _pages(
        self, path: str, model: type[M], params: Mapping[str, Any], page: type[resources.Page[M]] | None = None
    ) -> Iterator[M]:
        asked = {name: value for name, value in params.items() if value is not None}
        cursor: str | None = None
        while True:
            kind = page or resources.Page[model]  # type: ignore[valid-type]
            found = self._get(path, kind, {**asked, "cursor": cursor} if cursor else asked)
            yield from found.items
            cursor = found.next_cursor
            if cursor is None:
                return

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        content: str | None = None,
        headers: Mapping[str, str] | None = None,
        wait: float = 0.0,
    ) -> httpx.Response:
        """The service's answer, after as many tries as are allowed."""
        request = self._http.build_request(
            method,
            path,
            params=params,
            content=content,
            headers={**(headers or {}), **({"Content-Type": "application/json"} if content else {})},
            timeout=self.timeout + wait,
        )
        for tries_left in range(self.retries, -1, -1):
            error, pause = self._try(request)
            if isinstance(error, httpx.Response):
                return error
            if not tries_left or pause is None:
                raise error
            time.sleep(pause or jitter(self.retries - tries_left))
        raise AssertionError("the last try returns or raises")

    def _try(self, request: httpx.Request) -> tuple[httpx.Response | ClrError, float | None]:
        """One try: an answer, or the error and how long to pause before the next (0: not said; None: no next)."""
        try:
            response = self._http.send(request)
        except httpx.TransportError as error:
            reason = str(error) or type(error).__name__
            return ServiceUnreachable(f"No answer from {self.url}: {reason}. Is `clr serve` running there?"), 0.0
        if response.is_success:
            return response, None
        problem = problem_of(response)
        in_flight = response.status_code == 409 and str(problem.get("type", "")).endswith("in-flight")
        pause = retry_after(response) if response.status_code in TEMPORARY or in_flight else None
        return error_of(response, problem, self.url), pause


class StudyHandle:
    """One study of a service, by its id."""

    def __init__(self, id: str, client: Client) -> None:
        self.id, self._client = id, client
        self._path = f"/v1/studies/{id}"

    def __repr__(self) -> str:
        return f"StudyHandle({self.id!r}, {self._client!r})"

    def status(self) -> resources.StudyResource:
        return self._client._get(self._path, resources.StudyResource)

    def wait(
        self,
        progress: Callable[[resources.StudyResource], object] | None = None,
        *,
        poll: float = 1.0,
        timeout: float | None = None,
        max_offline: float = 600.0,
        until_paused: bool = False,
    ) -> resources.StudyResource:
        """The study once it has ended.

        Args:
            progress: called with the study's status after every look.
            poll: pause between two looks [seconds].
            timeout: give up after so long [seconds].
            max_offline: how long the service may not answer, say while it is started anew [seconds].
            until_paused: or once it is paused, where nobody else would resume it.

        Raises:
            TimeoutError: it had not ended by then.
        """
        seen = began = time.monotonic()
        state = "unknown"
        while True:
            try:
                status = self.status()
            except ClrError as error:
                if not is_temporary(error) or time.monotonic() - seen > max_offline:
                    raise
            else:
                seen, state = time.monotonic(), status.state
                if progress is not None:
                    progress(status)
                if status.state in ENDED or (until_paused and status.state == "paused"):
                    return status
            if timeout is not None and time.monotonic() + poll > began + timeout:
                raise TimeoutError(f"Study {self.id} is still {state} after {timeout} s.")
            time.sleep(poll)

    def best(self) -> resources.Answer:
        """The arms ranked, with evidence; `status` says whether they are confirmed."""
        return self._client._get(f"{self._path}/best", resources.Answer)

    def comparison(self, *arms: str, baseline: str | None = None) -> findings.ArmComparison:
        """Paired differences of confirmed arms (all, if none is named) to any of them, with simultaneous intervals."""
        params = {"arm": list(arms), **({"baseline": baseline} if baseline else {})}
        return self._client._get(f"{self._path}/comparison", findings.ArmComparison, params)

    def snippet(self, arm: str | None = None, kind: str | None = None) -> str:
        """An arm's schedule (the recommended one's) as code to paste: plain torch, or for another library."""
        from clr import recipe  # which loads NumPy: a worker's supervisor, a client too, stays without it

        return recipe.of_answer(self.best(), arm, kind or recipe.DEFAULT_KIND)

    def trials(
        self,
        *,
        phase: Phase | None = None,
        arm: str | None = None,
        state: resources.TrialState | None = None,
        page_size: int = 100,
    ) -> Iterator[resources.TrialResource]:
        """The slots that are open or over, by number, page by page, without curves."""
        params = {"phase": phase, "arm": arm, "state": state, "limit": page_size}
        return self._client._pages(f"{self._path}/trials", resources.TrialResource, params)

    def trial(self, number: int) -> resources.TrialResource:
        """One slot, with its curve and attempts."""
        return self._client._get(f"{self._path}/trials/{number}", resources.TrialResource)

    def range_test(self) -> resources.RangeTestResource:
        return self._client._get(f"{self._path}/range-test", resources.RangeTestResource)

    def export(self, table: str = "trials", form: str = "csv") -> bytes:
        """Trials, curves or the finalists' rates as a file: json, csv or parquet."""
        path = f"{self._path}/export"
        return self._client._send("GET", path, params={"table": table, "format": form}).content

    def report(self) -> str:
        """The answer with its figures and how it was done: one self-contained HTML file."""
        return self._client._send("GET", f"{self._path}/report").text

    def extend(
        self,
        *,
        trials: int = 0,
        confirm_seeds: int = 0,
        peak_lr: tuple[float, float] | None = None,
        max_device_hours: float | None = None,
        key: str | None = None,
    ) -> resources.StudyResource:
        """More of the study, no trial of it twice; one that has ended goes on.

        Args:
            trials: search trials more of each arm. confirm_seeds: seeds more of each confirmed arm.
            peak_lr: lowest and highest: a wider interval of every arm's peak rate, for these trials.
            max_device_hours: that the whole study may take from now on.
            key: the same key with the same wish extends the study once.
        """
        interval = {"peak_lr": {"low": peak_lr[0], "high": peak_lr[1]}} if peak_lr is not None else {}
        hours = {"max_device_hours": max_device_hours} if max_device_hours is not None else {}
        document = {"trials": trials, "confirm_seeds": confirm_seeds, **interval, **hours}
        headers = {"Idempotency-Key": key or str(uuid.uuid4())}
        path = f"{self._path}/extend"
        response = self._client._send("POST", path, content=json.dumps(document), headers=headers)
        return read(response, resources.StudyResource)

    def pause(self, reason: str = "") -> resources.StudyResource:
        """No slot of it is handed out until it is resumed; running trials save, stop and are given back."""
        return self._client._post(f"{self._path}/pause", turns.PauseRequest(reason=reason), resources.StudyResource)

    def resume(self, *, max_device_hours: float | None = None) -> resources.StudyResource:
        """A paused study goes on; it may take so many device hours from now on, where that is given."""
        wanted = turns.ResumeRequest(max_device_hours=max_device_hours)
        return self._client._post(f"{self._path}/resume", wanted, resources.StudyResource)

    def prioritise(self, priority: int) -> resources.StudyResource:
        """Another priority: higher runs first."""
        content = turns.StudyChange(priority=priority).model_dump_json()
        return read(self._client._send("PATCH", self._path, content=content), resources.StudyResource)

    def cancel(self) -> resources.StudyResource:
        """No slot of it starts any more; running trials stop within one evaluation interval."""
        return read(self._client._send("POST", f"{self._path}/cancel"), resources.StudyResource)

    def delete(self) -> None:
        """The study, its trials and its record are gone."""
        self._client._send("DELETE", self._path)
