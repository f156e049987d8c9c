"""Cadenza beside the floor, on this machine, now: `make bench`, or `make bench ARGS="--quick --only W3"`.

The two take turns, each time in a fresh process, so that a busy minute falls on both. The table shows the median of the
rounds and the ratio of the two, which says more than the microseconds: those are this machine's.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
import statistics
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import bench_temporal
import harness
import postgres

SQLITE = ("--store", "sqlite")
POSTGRES = ("--store", "postgres")
FLAT = 1.25  # what N=1000 may cost more per step than N=10, before it counts as growth


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One line of the table. `at_most` or `at_least` is the limit of the ratio cadenza / floor, None: no limit."""

    workload: str
    title: str
    metric: str
    unit: str
    arguments: tuple[str, ...] = ()
    floor: tuple[str, ...] = ()  # arguments for the floor alone
    has_floor: bool = True
    n: int | None = None
    at_most: float | None = None
    at_least: float | None = None


def sizes(cell: Cell) -> list[Cell]:
    """*cell* with 10, 100 and 1000 steps."""
    return [replace(cell, n=n, title=f"{cell.title}, N={n}") for n in (10, 100, 1000)]


CELLS = [
    *sizes(Cell(workload="W1", title="step, in memory", metric="us_per_step", unit="µs", at_most=12)),
    *sizes(
        Cell(
            workload="W2",
            title="step, SQLite",
            metric="us_per_step",
            unit="µs",
            arguments=SQLITE,
            floor=("--variant", "full+group"),
            at_most=3,
        )
    ),
    *sizes(
        Cell(
            workload="W2",
            title="step, Postgres",
            metric="us_per_step",
            unit="µs",
            arguments=POSTGRES,
            at_most=3,
        )
    ),
    *(
        Cell(
            workload="W3",
            title=f"ask and answer, SQLite, {conc} in flight",
            metric="roundtrips_per_s",
            unit="/s",
            arguments=(*SQLITE, "--conc", str(conc)),
            at_least=at_least,
        )
        for conc, at_least in ((1, 0.28), (100, None), (1000, 0.17))
    ),
    Cell(workload="W3", title="ask and answer, in memory", metric="roundtrips_per_s", unit="/s"),
    Cell(
        workload="W4",
        title="answer 1 of 10,000 old runs, SQLite",
        metric="p50_ms",
        unit="ms",
        arguments=SQLITE,
        at_most=2.3,
    ),
    Cell(workload="W4", title="… the first of a process", metric="first_ms", unit="ms", arguments=SQLITE),
    Cell(
        workload="W4",
        title="answer 1 of 10,000 old runs, Postgres",
        metric="p50_ms",
        unit="ms",
        arguments=POSTGRES,
        at_most=6,
    ),
    Cell(workload="W5", title="foreach, per item, in memory", metric="us_per_item", unit="µs"),
    Cell(
        workload="W5",
        title="foreach, per item, SQLite",
        metric="us_per_item",
        unit="µs",
        arguments=SQLITE,
        floor=("--variant", "full+group"),
    ),
    Cell(
        workload="W5",
        title="50 in parallel, per step, in memory",
        metric="us_per_item",
        unit="µs",
        arguments=("--variant", "parallel"),
    ),
    *sizes(
        Cell(
            workload="W6",
            title="bytes for 10 KB steps, SQLite",
            metric="bytes_per_step",
            unit="B",
            arguments=SQLITE,
            at_most=1.5,
        )
    ),
    Cell(workload="W7", title="memory per suspended run", metric="kb_per_run", unit="KB"),
    Cell(
        workload="W7",
        title="import cadenza",
        metric="import_ms",
        unit="ms",
        arguments=("--variant", "import"),
        has_floor=False,
    ),
    Cell(workload="W8", title="ask and answer on Temporal", metric="p50_ms", unit="ms", at_most=1.5),
    Cell(
        workload="W8",
        title="… where the question is workflow code",
        metric="p50_ms",
        unit="ms",
        floor=("--variant", "lean"),
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What one cell came to. `ratios` are those of the single rounds."""

    cell: Cell
    cadenza: float
    floor: float | None
    ratios: list[float]

    @property
    def ratio(self) -> float | None:
        return self.cadenza / self.floor if self.floor else None

    @property
    def met(self) -> bool | None:
        if self.ratio is None:
            return None
        if self.cell.at_most is not None:
            return self.ratio <= self.cell.at_most
        return self.ratio >= self.cell.at_least if self.cell.at_least is not None else None


def main() -> int:
    options = _options()
    cells = [cell for cell in CELLS if not options.only or cell.workload in options.only]
    with ExitStack() as stack:
        if any(cell.arguments == POSTGRES for cell in cells):
            stack.enter_context(postgres.server())
        if any(cell.workload == "W8" for cell in cells):
            stack.enter_context(bench_temporal.server())
        return _measure_all(cells, options)


def _measure_all(cells: list[Cell], options: argparse.Namespace) -> int:
    for arguments in {cell.arguments for cell in cells if cell.workload == "W4"}:
        for peer in ("cadenza", "floor"):
            _run(peer, ["--workload", "W4", *arguments, "--prepare"])
    print(_machine(), end="\n\n")
    print(f"{'':40} {'cadenza':>12} {'floor':>12} {'ratio':>7} {'rounds':>15}   limit")
    lines: list[Line] = []
    for cell in cells:
        lines.append(_measure(cell, options))
        print(_show(lines[-1]), flush=True)
    flat = [_flat(lines, "W1", ()), _flat(lines, "W2", SQLITE), _flat(lines, "W2", POSTGRES)]
    missed = sum(line.met is False for line in lines) + flat.count(False)
    judged = sum(line.met is not None for line in lines) + sum(met is not None for met in flat)
    print(f"\n{judged - missed} of {judged} limits met, load average {os.getloadavg()[0]:.1f} at the end")
    return 1 if missed and options.strict else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", metavar="W1", help="this workload only; may be repeated")
    parser.add_argument(
        "--quick", action="store_true", help="one short round: under a minute, and less exact"
    )
    parser.add_argument("--rounds", type=int, default=3, help="turns of each of the two (3)")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a limit is missed")
    return parser.parse_args()


def _machine() -> str:
    return (
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {os.cpu_count()} cores, "
        f"load average {os.getloadavg()[0]:.1f} at the start"
    )


def _measure(cell: Cell, options: argparse.Namespace) -> Line:
    length = ["--reps", "1", "--min-time", "0.2"] if options.quick else []
    shared = [
        "--workload",
        cell.workload,
        *(("--n", str(cell.n)) if cell.n else ()),
        *length,
        *cell.arguments,
    ]
    ours: list[float] = []
    floors: list[float] = []
    for _ in range(1 if options.quick else options.rounds):
        ours.append(_run("cadenza", shared)[cell.metric])
        if cell.has_floor:
            floors.append(_run("floor", [*shared, *cell.floor])[cell.metric])
    return Line(
        cell=cell,
        cadenza=statistics.median(ours),
        floor=statistics.median(floors) if floors else None,
        ratios=sorted(one / other for one, other in zip(ours, floors, strict=False)),
    )


def _run(peer: str, arguments: list[str]) -> dict[str, float]:
    """The metrics that one fresh process gives."""
    on_temporal = "W8" in arguments
    program = Path(__file__).with_name(f"bench_{'temporal' if on_temporal else peer}.py")
    arguments = [*arguments, *(("--peer", peer) if on_temporal else ())]
    process = subprocess.run(
        [sys.executable, str(program), *arguments, "--json"], check=False, capture_output=True, text=True
    )
    if process.returncode:
        sys.exit(f"{program.name} {' '.join(arguments)} failed:\n{process.stderr[-3000:]}")
    metrics: dict[str, float] = json.loads(process.stdout.splitlines()[-1]).get("metrics", {})
    return metrics


def _show(line: Line) -> str:
    cell = line.cell
    floor = f"{_number(line.floor)} {cell.unit:<2}" if line.floor is not None else ""
    ratio = f"{line.ratio:.2f}" if line.ratio is not None else ""
    rounds = f"{line.ratios[0]:.2f} - {line.ratios[-1]:.2f}" if len(line.ratios) > 1 else ""
    limit = f"≤ {cell.at_most:g}" if cell.at_most is not None else ""
    limit = f"≥ {cell.at_least:g}" if cell.at_least is not None else limit
    left = f"{cell.workload} {cell.title:<37} {_number(line.cadenza):>9} {cell.unit:<2} {floor:>12}"
    return f"{left} {ratio:>7} {rounds:>15}   {limit:<6} {_verdict(met=line.met)}".rstrip()


def _flat(lines: list[Line], workload: str, arguments: tuple[str, ...]) -> bool | None:
    """Print and judge whether a step costs the same in a long run as in a short one."""
    meant = (workload, arguments)
    cost = {line.cell.n: line.cadenza for line in lines if (line.cell.workload, line.cell.arguments) == meant}
    if not cost:
        return None
    growth = cost[1000] / cost[10]
    met = growth <= FLAT
    title = f"flat: a step at N=1000 / at N=10 {' '.join(arguments[1:])}".rstrip()
    print(
        f"{workload} {title:<37} {'':12} {'':12} {growth:>7.2f} {'':15}   {f'≤ {FLAT}':<6} {_verdict(met=met)}"
    )
    return met


def _verdict(*, met: bool | None) -> str:
    return {None: "", True: "met", False: "MISSED"}[met]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _clean() -> None:
    for folder in (harness.TMP, harness.STORES):
        for database in folder.glob("*.db"):
            harness.remove(database)


if __name__ == "__main__":
    try:
        sys.exit(main())
    finally:
        _clean()
