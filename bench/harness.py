"""What the benchmark programs share: the command line, the clock, and one JSON object as the outcome.

Within a process: one unmeasured warm-up, then `--reps` repetitions of at least `--min-time` seconds (at least one whole
run each). What is reported is the median of the repetitions. `README.md` here says what the workloads are.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import gc
import json
import os
import random
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

HERE = Path(__file__).parent
TMP = HERE / "tmp"  # beside the code and not in /tmp, which is often memory: there an fsync costs nothing
STORES = HERE / "stores"
SUSPENDED_RUNS = 10_000

Rep = dict[str, float]


def arguments(peer: str) -> argparse.Namespace:
    """The command line, the same for every program that is measured."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--workload", required=True, choices=["W1", "W2", "W3", "W4", "W5", "W6", "W7"])
    parser.add_argument("--n", type=int, default=10)
    parser.add_argument("--store", default="memory", choices=["memory", "sqlite", "postgres"])
    parser.add_argument("--conc", type=int, default=1)
    parser.add_argument("--variant", default="default")
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--min-time", type=float, default=0.4)
    parser.add_argument("--budget", type=float, default=25.0)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--prepare", action="store_true")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    args.peer = peer
    return args


def emit(args: argparse.Namespace, version: str, reps: list[Rep], sync: str = "", notes: str = "") -> None:
    """Print the outcome: JSON with `--json`, else a line for people."""
    keys = sorted({key for rep in reps for key in rep})
    metrics = {key: round(statistics.median(rep[key] for rep in reps if key in rep), 4) for key in keys}
    what = {key: getattr(args, key) for key in ("peer", "workload", "variant", "store", "n", "conc")}
    if args.json:
        outcome = {**what, "version": version, "metrics": metrics, "reps": reps, "sync": sync, "notes": notes}
        print(json.dumps(outcome), flush=True)
    else:
        print(*what.values(), json.dumps(metrics), notes, flush=True)


def quantile(values: list[float], q: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(q * (len(ordered) - 1))))]


# ------------------------------------------------------------------ repetitions


async def timed(
    args: argparse.Namespace, run_once: Callable[[], Awaitable[None]], units: int, key: str
) -> list[Rep]:
    """Microseconds per unit, of which one run has *units*, under *key*."""
    began = time.perf_counter()
    await run_once()
    warm = time.perf_counter() - began
    if warm > args.budget:
        return [{key: warm / units * 1e6, "run_ms_p50": warm * 1e3, "runs": 1, "cold": 1}]
    reps: list[Rep] = []
    while len(reps) < args.reps and time.perf_counter() - began <= args.budget:
        gc.collect()
        took: list[float] = []
        start = time.perf_counter()
        while not took or time.perf_counter() - start < args.min_time:
            before = time.perf_counter()
            await run_once()
            took.append(time.perf_counter() - before)
        per_unit = sum(took) / (len(took) * units) * 1e6
        reps.append({key: per_unit, "run_ms_p50": quantile(took, 0.5) * 1e3, "runs": len(took)})
    return reps


async def round_trips(args: argparse.Namespace, round_trip: Callable[[], Awaitable[None]]) -> list[Rep]:
    """Round trips per second, `--conc` of them in flight at once."""
    began = time.perf_counter()
    for _ in range(3):
        await round_trip()
    if args.conc > 1:
        await asyncio.gather(*(round_trip() for _ in range(min(args.conc, 20))))
    reps: list[Rep] = []
    while len(reps) < args.reps and (not reps or time.perf_counter() - began <= args.budget):
        gc.collect()
        took: list[float] = []
        start = time.perf_counter()
        while not took or time.perf_counter() - start < args.min_time:
            if args.conc == 1:
                await _once(round_trip, took)
            else:
                await asyncio.gather(*(_once(round_trip, took) for _ in range(args.conc)))
        wall = time.perf_counter() - start
        latency = {"ms_p50": quantile(took, 0.5) * 1e3, "ms_p99": quantile(took, 0.99) * 1e3}
        reps.append({"roundtrips_per_s": len(took) / wall, **latency, "count": len(took)})
    return reps


async def _once(action: Callable[[], Awaitable[None]], took: list[float]) -> None:
    before = time.perf_counter()
    await action()
    took.append(time.perf_counter() - before)


async def resumes(
    args: argparse.Namespace, run_ids: list[str], resume: Callable[[str], Awaitable[None]]
) -> Rep:
    """Milliseconds for resuming `--samples` random runs, the first of a process on its own."""
    began = time.perf_counter()
    took: list[float] = []
    for run_id in random.sample(run_ids, min(args.samples, len(run_ids))):
        before = time.perf_counter()
        await resume(run_id)
        took.append(time.perf_counter() - before)
        if time.perf_counter() - began > args.budget:
            break
    rest = took[1:] or took
    return {
        "first_ms": took[0] * 1e3,
        "p50_ms": quantile(rest, 0.5) * 1e3,
        "p99_ms": quantile(rest, 0.99) * 1e3,
        "samples": len(took),
    }


async def growth(args: argparse.Namespace, suspend_one: Callable[[str], Awaitable[None]]) -> Rep:
    """Kilobytes of memory per suspended run."""
    for i in range(50):
        await suspend_one(f"warm-{i}")
    gc.collect()
    before = resident_kb()
    for i in range(SUSPENDED_RUNS):
        await suspend_one(f"run-{i}")
    gc.collect()
    after = resident_kb()
    return {
        "rss_base_mb": before / 1024,
        "rss_mb": after / 1024,
        "kb_per_run": (after - before) / SUSPENDED_RUNS,
    }


async def written(
    args: argparse.Namespace, run_once: Callable[[], Awaitable[None]], database: Path | None
) -> Rep:
    """Bytes handed to write(2) by this process during one run, which has no warm-up: its steps write the most."""
    payload(args.n)
    before, start = written_bytes(), time.perf_counter()
    await run_once()
    wall, total = time.perf_counter() - start, written_bytes() - before
    return {
        "us_per_step": wall / args.n * 1e6,
        "bytes_total": total,
        "bytes_per_step": total / args.n,
        "write_amp": total / args.n / PAYLOAD,
        "db_bytes": size(database) if database else 0,
        "steps_done": args.n,
    }


# ------------------------------------------------------------------ the machine


def resident_kb() -> int:
    return int(_field(Path("/proc/self/status"), "VmRSS"))


def written_bytes() -> int:
    return int(_field(Path("/proc/self/io"), "wchar"))


def _field(file: Path, name: str) -> str:
    line = next(line for line in file.read_text().splitlines() if line.startswith(f"{name}:"))
    return line.split()[1]


def on_database(args: argparse.Namespace, old: str, work: Callable[[str], None]) -> None:
    """Do *work* on a new PostgreSQL database; W4 fills *old* with `--prepare`, and takes copies of it without."""
    import postgres

    with postgres.server() as url:
        if args.prepare:
            work(postgres.make_database(url, old))
            print(json.dumps({"prepared": SUSPENDED_RUNS}))
            return
        with postgres.database(url, template=old if args.workload == "W4" else "template0") as made:
            work(made)


def new_file() -> Path:
    TMP.mkdir(exist_ok=True)
    return TMP / f"b{os.getpid()}_{random.randbytes(4).hex()}.db"


def remove(database: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)


def size(database: Path) -> int:
    files = (database, database.with_name(database.name + "-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


# ------------------------------------------------------------------ data

PAYLOAD = 10_240
_payloads: list[str] = []


def payload(i: int) -> str:
    """10 KB of text that does not compress, another one for each *i*; made ahead, so that making it is not timed."""
    while len(_payloads) <= i:
        noise = random.Random(len(_payloads)).randbytes(PAYLOAD * 3 // 4)
        _payloads.append(base64.b64encode(noise).decode()[:PAYLOAD])
    return _payloads[i]
