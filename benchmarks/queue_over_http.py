"""Leases, reports and results over real HTTP: how many a second, how long each takes.

Usage: python benchmarks/queue_over_http.py [--clients 1 16 64] [--batches 1 32] [--databases sqlite postgresql]
    [--seconds 5] [--json FILE]

A `clr serve` on a store with open slots, and bare clients (no training) in up to four processes: each leases a batch,
reports one evaluation of each slot, finishes them, and begins anew. Every answer is checked; every write is on the disk
before it is answered. Service, clients and database share this machine's cores, so the clients' own work is in the
figures.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import fill_store
import measured
import protocol_clients
import running

from clr.tasks.facts import DIGITS
from service.store.database import Database

PROCESSES = 4
STUDY = {**fill_store.large(2000), "name": "queue", "trials": 1}
"""Five search trials, which are over, and 1,000 confirm runs, which wait."""
OPEN = 1000
SLOTS_PER_SECOND = 6000
"""More than any batch gets: the store must not run dry."""


def fill(database: Database, seconds: float) -> None:
    """Open slots enough for so many seconds."""
    model = fill_store.a_study(database, STUDY, until_confirm=True)
    fill_store.copy(database, model, int(seconds * SLOTS_PER_SECOND) // OPEN + 1)
    fill_store.analyse(database)


def cell(pool: ProcessPoolExecutor, address: str, clients: int, batch: int, seconds: float) -> protocol_clients.Heard:
    """What so many clients heard."""
    facts, begin = DIGITS.model_dump(mode="json"), time.time() + 1.0
    parts = [clients // PROCESSES + (k < clients % PROCESSES) for k in range(PROCESSES)]
    runs = [pool.submit(protocol_clients.load, address, facts, part, batch, begin, seconds) for part in parts if part]
    heard = protocol_clients.Heard()
    for run in runs:
        heard.add(run.result())
    return heard


def rows(kind: str, asked: argparse.Namespace) -> Iterator[dict[str, object]]:
    """Every number of clients and batch size on one database."""
    with running.store(kind) as (data, url):
        database = Database(url or None, data)
        fill(database, asked.seconds * len(asked.clients) * sum(batch > 1 for batch in asked.batches) + 5)
        database.dispose()
        spawned = multiprocessing.get_context("spawn")
        with running.service(data, url) as address, ProcessPoolExecutor(PROCESSES, spawned) as pool:
            cell(pool, address, PROCESSES, 1, 0.5)  # imports, connections
            for batch in asked.batches:
                for clients in asked.clients:
                    yield row(kind, clients, batch, cell(pool, address, clients, batch, asked.seconds), asked.seconds)


def row(kind: str, clients: int, batch: int, heard: protocol_clients.Heard, seconds: float) -> dict[str, object]:
    calls = sum(map(len, heard.seconds.values()))
    found: dict[str, object] = {
        "database": kind,
        "clients": clients,
        "batch": batch,
        "calls/s": f"{calls / seconds:,.0f}",
        "slots/s": f"{heard.slots / seconds:,.0f}",
    }
    for what, each in heard.seconds.items():
        took = measured.Latency.of(each)
        found[f"{what} p50, p99 ms"] = f"{took.p50:.1f}, {took.p99:.1f}"
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--databases", nargs="+", choices=["sqlite", "postgresql"], default=["sqlite", "postgresql"])
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    print(measured.surroundings(), flush=True)
    found = [found for kind in asked.databases for found in rows(kind, asked)]
    print("calls/s: leases, reports and results together, a third each; slots/s: from lease to result\n")
    print(measured.table(found))
    measured.keep(asked.json, found)


if __name__ == "__main__":
    main()
