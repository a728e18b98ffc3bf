"""Run all benchmarks on an embedded server of their own and print a table and JSON: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import redis

from benchmarks import control, raw, scenarios
from benchmarks.application import ASKED
from blackboard.store import embedded, server_process

Rows = dict[str, float]

TARGETS = {
    "chain, activations/s": "≥ 10,000",
    "fan-out 20 / fan-in, activations/s": "≥ 10,000",
    "raw limit, activations/s": "",
    "chain as a share of the raw limit": "≥ 0.50",
    "chain, two processes, activations/s": "",
    "two worker processes over one": "≥ 1.8",
    "two over one, agents that compute 1 ms": "",
    "raw: push → another process, p50 ms": "",
    "post → action starts, p50 ms": "≤ 0.7",
    "post → action starts, p99 ms": "≤ 3",
    "chain of 5, one at a time, p50 ms": "≤ 3",
    "board of 100,000 entries over 100": "≤ 1.2",
    "1,000 sources over 10": "≤ 1.2",
    "bytes per finished activation": "≤ 1,200",
    "controlled chain over the choreographed": "≥ 0.50",
    "the same, asked behind every step": "",
    "switch of 1,000 open activations, ms": "≤ 10",
    "least busy of three controllers, of its share": "",
}


def emptied(path: str) -> None:
    """Empties the store and its append-only file: what one scenario has left must not be rewritten during the next."""
    with redis.Redis(unix_socket_path=path) as client:
        client.execute_command("FLUSHALL", "SYNC")  # what is freed in the background would be counted as gain
        client.bgrewriteaof()
        while any(client.info("persistence")[f"aof_rewrite_{state}"] for state in ("in_progress", "scheduled")):
            time.sleep(0.05)


def measure(url: str, path: str, times: int) -> Rows:
    """All numbers, in the order of the table."""

    def run(scenario: Callable[[], Coroutine[Any, Any, Rows]]) -> Rows:
        emptied(path)
        return asyncio.run(scenario())

    def fresh(scenario: Callable[[], float]) -> float:
        emptied(path)
        return scenario()

    def median(scenario: Callable[[], float]) -> float:
        return statistics.median(fresh(scenario) for _ in range(times))

    rows: Rows = {}
    # Raw and real in turn, so that both see the same machine.
    shares, chains, raws = [], [], []
    for _ in range(times):
        raws.append(fresh(lambda: raw.rate(path)))
        chains.append(fresh(lambda: scenarios.chain_rate(url)["activations_per_second"]))
        shares.append(chains[-1] / raws[-1])
    rows["chain, activations/s"] = statistics.median(chains)
    rows["fan-out 20 / fan-in, activations/s"] = median(lambda: scenarios.fan_rate(url)["activations_per_second"])
    rows["raw limit, activations/s"] = statistics.median(raws)
    rows["chain as a share of the raw limit"] = statistics.median(shares)
    both, ratios = [], []
    for _ in range(times):
        both.append(fresh(lambda: scenarios.processes_rate(url, 2)["activations_per_second"]))
        ratios.append(both[-1] / fresh(lambda: scenarios.processes_rate(url, 1)["activations_per_second"]))
    rows["chain, two processes, activations/s"] = statistics.median(both)
    rows["two worker processes over one"] = statistics.median(ratios)
    rows["two over one, agents that compute 1 ms"] = fresh(
        lambda: (
            scenarios.processes_rate(url, 2, 1000, computing=True)["activations_per_second"]
            / scenarios.processes_rate(url, 1, 1000, computing=True)["activations_per_second"]
        )
    )
    rows["raw: push → another process, p50 ms"] = raw.latency(path)
    quick = run(lambda: scenarios.latency(url))
    rows["post → action starts, p50 ms"] = quick["start_p50_ms"]
    rows["post → action starts, p99 ms"] = quick["start_p99_ms"]
    rows["chain of 5, one at a time, p50 ms"] = quick["chain_p50_ms"]
    rows["board of 100,000 entries over 100"] = run(lambda: scenarios.growth_with_entries(url))["ratio"]
    rows["1,000 sources over 10"] = run(lambda: scenarios.growth_with_sources(url))["ratio"]
    rows["bytes per finished activation"] = run(lambda: scenarios.memory(url, path))["bytes_per_activation"]
    rows["controlled chain over the choreographed"] = median(lambda: control.controlled_share(url)["share"])
    rows["the same, asked behind every step"] = median(lambda: control.controlled_share(url, ASKED)["share"])
    rows["switch of 1,000 open activations, ms"] = run(lambda: control.switch_time(url, path))["caller_ms"]
    rows["least busy of three controllers, of its share"] = fresh(lambda: control.shared_evenly(url)["least_share"])
    return rows


def main() -> None:
    """Measure, print the table, write JSON where it is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=3, help="measurements behind each median (default 3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers as JSON")
    options = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="bb-"))
    try:
        url = embedded.ensure(directory)
        rows = measure(url, url.removeprefix("unix://"), options.times)
    finally:
        embedded.stop(directory)
        shutil.rmtree(directory, ignore_errors=True)
    width = max(map(len, rows))
    allocator = Path(server_process.find_allocator() or "the system's").name
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, allocator {allocator}\n")
    for label, value in rows.items():
        shown = f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
        print(
            f"{label:<{width}}  {shown:>10}   target {TARGETS[label]}"
            if TARGETS[label]
            else f"{label:<{width}}  {shown:>10}"
        )
    text = json.dumps({label: round(value, 3) for label, value in rows.items()}, ensure_ascii=False)
    print(f"\n{text}")
    if options.json:
        options.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
