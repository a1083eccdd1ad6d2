"""How long a study's status, its best schedule and a page of its trials take, however much is stored beside it.

Usage: python benchmarks/reading_at_size.py [--trials 10000 100000] [--databases sqlite postgresql] [--requests 300]
    [--large 2000] [--json FILE]

Fills a store with ended studies of 154 trials (20 evaluations each) and one of 2,000, starts `clr serve` on it, and
asks over HTTP, one request at a time: studies drawn at random, so that most are asked for the first time, and the large
one again and again. Latencies are the client's; the goal is a p99 below 25 ms that does not grow with what is stored.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import fill_store
import httpx
import measured
import running

from service.store.database import Database

GOAL = 25.0
"""p99 [ms]."""
WARM = 5
"""Requests of each kind beforehand, to a study of their own: the service loads SciPy at the first answer."""
PAGE = 100
Ask = Callable[[str], str]
ASKED: dict[str, Ask] = {
    "status": lambda study: f"/v1/studies/{study}",
    "best": lambda study: f"/v1/studies/{study}/best",
    "page of trials": lambda study: f"/v1/studies/{study}/trials?limit={PAGE}",
}


def latencies(http: httpx.Client, ask: Ask, studies: Sequence[str]) -> measured.Latency:
    """Of one request for each of these studies, one after another."""
    seconds = []
    for study in studies:
        began = time.perf_counter()
        response = http.get(ask(study))
        seconds.append(time.perf_counter() - began)
        response.raise_for_status()
    return measured.Latency.of(seconds)


def rows(kind: str, trials: int, large_trials: int, requests: int) -> Iterator[dict[str, object]]:
    """One size on one database: each question to many studies, and to the large one."""
    with running.store(kind) as (data, url):
        database = Database(url or None, data)
        large = fill_store.a_study(database, fill_store.large(large_trials))
        found = fill_store.fill(database, trials)
        database.dispose()
        print(f"{kind}: filled with {len(found) * fill_store.SIZE:,} trials", flush=True)
        draw = random.Random(0)
        chosen = [draw.choice(found[1:]) for _ in range(requests)]
        with running.service(data, url) as address, httpx.Client(base_url=address, timeout=60) as http:
            for what, ask in ASKED.items():
                latencies(http, ask, [found[0]] * WARM)
                for which, asked in (("of 154 trials", chosen), (f"of {large_trials:,} trials", [large] * requests)):
                    yield row(kind, trials, f"{what}, {which}", latencies(http, ask, asked))


def row(kind: str, trials: int, what: str, took: measured.Latency) -> dict[str, object]:
    return {
        "database": kind,
        "stored trials": f"{trials:,}",
        "asked for": what,
        "p50 ms": f"{took.p50:.1f}",
        "p99 ms": f"{took.p99:.1f}",
        "worst ms": f"{took.worst:.1f}",
        "below 25 ms": "yes" if took.p99 < GOAL else "no",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--databases", nargs="+", choices=["sqlite", "postgresql"], default=["sqlite", "postgresql"])
    parser.add_argument("--large", type=int, default=2000, help="trials of the large study; a multiple of ten")
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    print(measured.surroundings(), flush=True)
    found = [
        found
        for kind in asked.databases
        for trials in asked.trials
        for found in rows(kind, trials, asked.large, asked.requests)
    ]
    print(measured.table(found))
    measured.keep(asked.json, found)


if __name__ == "__main__":
    main()
