"""Pay 28 invoices with people in between, and lose the process on the way: `make demo`.

Without an argument this runs itself twice, as two processes on one SQLite file. `demo.py start` begins a run for each
invoice and dies while several wait for a person; `demo.py answer` asks the people (on a terminal, else answers.json) and
prints what became of every invoice.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import office
from workflow import money, pay_invoice, read_file

from cadenza import Cadenza, Failure, Run, Suspension, WorkflowResult
from cadenza.errors import AlreadyAnswered, InvalidResumeData

Answer = tuple[str, Any]  # who, and what


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", nargs="?", choices=["start", "answer"])
    parser.add_argument(
        "--folder", type=Path, default=office.folder, help="for runs.db (examples/invoices/.demo)"
    )
    parser.add_argument(
        "--file", action="store_true", help="take the answers from answers.json on a terminal, too"
    )
    options = parser.parse_args()
    office.folder = options.folder
    match options.part:
        case "start":
            asyncio.run(start())
        case "answer":
            if not database().exists():
                sys.exit(f"{database()} is not there; demo.py start makes it")
            asked = sys.stdin.isatty() and not options.file
            asyncio.run(answer(People() if asked else File()))
        case _:
            return both()
    return 0


def both() -> int:
    """The two halves, each in a process of its own."""
    for part in ("start", "answer"):
        code = subprocess.run([sys.executable, __file__, part, *sys.argv[1:]], check=False).returncode
        if code:
            return code
    return 0


def database() -> Path:
    return office.folder / "runs.db"


def open_app() -> Cadenza:
    return Cadenza(store=f"sqlite:///{database()}", workflows=[pay_invoice])


# ------------------------------------------------------------------ process 1


async def start() -> None:
    """Start a run for each invoice, then die."""
    shutil.rmtree(office.folder, ignore_errors=True)
    office.folder.mkdir(parents=True)
    (office.folder / ".gitignore").write_text("*\n")
    entries = read_file()
    heading(f"Process {os.getpid()}: starts {pay_invoice.id} for each of {len(entries)} invoices")
    app = open_app()

    async def pay(number: int) -> WorkflowResult[Any]:
        run = await app.workflow(pay_invoice).create_run(run_id=f"invoice-{number:02}")
        return await run.start(input_data=number)

    results = await asyncio.gather(*(pay(number) for number in range(1, len(entries) + 1)))
    show_all(results)
    print(f"\n{count(results)}.\nNow this process dies: os._exit(), nothing is closed or saved.", flush=True)
    os._exit(0)


# ------------------------------------------------------------------ process 2


async def answer(answers: People | File) -> None:
    """Show what waits, take the answers, and say what became of every invoice."""
    async with open_app() as app:
        waiting = await app.list_runs(status="suspended", limit=None)
        heading(f"Process {os.getpid()}: {waiting.total} runs wait for a person in {database().name}")
        print(answers.hint)
        clicks = DoubleClick()
        for run_id in sorted(row.id for row in waiting.runs):
            await settle(await app.get_run(run_id), answers, clicks)
        runs = await app.list_runs(limit=None)
        results = [await (await app.get_run(row.id)).get_state() for row in runs.runs]
    heading("What became of every invoice")
    results.sort(key=lambda result: result.run_id)
    show_all(results)
    show_sums(results)
    if any(result.status == "suspended" for result in results):
        print("What waits can be answered at any time: python examples/invoices/demo.py answer")


async def settle(run: Run[Any], answers: People | File, clicks: DoubleClick) -> None:
    """Put the questions of *run* until none is open or nobody answers."""
    result = await run.get_state()
    while result.status == "suspended":
        suspension = result.suspensions[0]
        show_question(suspension)
        for actor, data in answers.to(suspension.payload["invoice"]):
            print(f"  {actor}: {json.dumps(data)}")
            try:
                result = await run.resume(step=suspension, resume_data=data, actor=actor)
            except InvalidResumeData as error:
                print(f"    refused, it still waits: {reasons(error.issues)}")
                continue
            print(f"    taken, the invoice is now {word(result)}")
            await clicks.once(run, suspension, actor, data)
            break
        else:
            print("  nobody answers, it still waits")
            break


class DoubleClick:
    """The first answer that was taken comes a second time: it must find a closed door."""

    def __init__(self) -> None:
        self.done = False

    async def once(self, run: Run[Any], suspension: Suspension, actor: str, data: Any) -> None:
        if self.done:
            return
        self.done = True
        print(f"  {actor}, with a double click: {json.dumps(data)}")
        try:
            await run.resume(step=suspension, resume_data=data, actor=actor)
        except AlreadyAnswered as error:
            print(f"    refused, {type(error).__name__}: {error}")
        else:
            sys.exit("the second answer was taken, too; that must not be")


class File:
    """The answers of answers.json, in their order."""

    hint = "No terminal, so the answers come from answers.json."

    def __init__(self) -> None:
        self.left: list[Any] = json.loads((office.HERE / "answers.json").read_text())

    def to(self, invoice: str) -> Iterator[Answer]:
        """What is there for *invoice*; each answer is given once."""
        while found := next((one for one in self.left if one["invoice"] == invoice), None):
            self.left.remove(found)
            yield found["actor"], found["answer"]


class People:
    """Whoever sits at the terminal."""

    hint = 'You decide: "pay" or "reject", with a reason if you like: "reject wrong account". Enter alone: later.'

    def to(self, invoice: str) -> Iterator[Answer]:
        while said := self._ask(f"  {invoice}, pay or reject? "):
            decision, _, note = said.partition(" ")
            yield "you", {"decision": decision, "note": note}

    def _ask(self, prompt: str) -> str:
        try:
            return input(prompt).strip()
        except EOFError:
            return ""


# ------------------------------------------------------------------ what is printed


def heading(text: str) -> None:
    print(f"\n{text}\n{'=' * len(text)}")


def show_question(suspension: Suspension) -> None:
    asked = suspension.payload
    print(f"\n{asked['invoice']}, {asked['amount']}: {suspension.key}")
    print(f"  {asked['summary']}")
    print(f"  odd: {'; '.join(asked['concerns'])}")


def show_all(results: list[WorkflowResult[Any]]) -> None:
    show_row("#", "invoice", "supplier", "amount", "status", "why")
    for result in results:
        loaded = result.steps["load"].output
        invoice = loaded if isinstance(loaded, dict) else {}
        supplier, number = invoice.get("supplier", "-"), str(result.input)
        show_row(number, invoice.get("id", "-"), supplier, amount(invoice), word(result), why(result))


def show_row(number: str, invoice: str, supplier: str, total: str, status: str, reason: str) -> None:
    left = f"{number:>3}  {invoice:<8}  {supplier:<22}  {total:>16}  {status:<8}  "
    room = max(30, shutil.get_terminal_size((120, 24)).columns - len(left))
    first, *more = textwrap.wrap(reason, room) or [""]
    print((left + first).rstrip())
    for line in more:
        print(" " * len(left) + line)


def amount(invoice: dict[str, Any]) -> str:
    """As the file has it, which may be nonsense."""
    total, currency = str(invoice.get("total", "-")), invoice.get("currency", "")
    try:
        return money(Decimal(total), currency)
    except InvalidOperation:
        return textwrap.shorten(total, 16, placeholder=" ...")


def word(result: WorkflowResult[Any]) -> str:
    if result.status == "success":
        return "paid" if result.result["paid"] else "rejected"
    return "waiting" if result.status == "suspended" else result.status


def why(result: WorkflowResult[Any]) -> str:
    match result.status:
        case "success":
            return str(result.result["note"])
        case "suspended":
            return "; ".join(result.suspensions[0].payload["concerns"])
        case "failed":
            return explain(result.error)
        case _:
            return ""


def explain(error: Failure) -> str:
    if not error.issues:
        return error.message
    return "; ".join(f"{path}: {message}" if path else message for path, message in error.issues)


def reasons(issues: list[Any]) -> str:
    return "; ".join(f"{issue.path}: {issue.message}" for issue in issues)


def count(results: list[WorkflowResult[Any]]) -> str:
    counted = Counter(word(result) for result in results)
    return f"{len(results)} invoices: " + ", ".join(f"{n} {status}" for status, n in counted.most_common())


def show_sums(results: list[WorkflowResult[Any]]) -> None:
    transfers, summaries = office.calls("transfer"), office.calls("summary")
    asked = sum(
        "summary" in json.dumps(result.steps["review"].suspend_payload)
        for result in results
        if "review" in result.steps
    )
    print(f"\n{count(results)}.")
    print(f"The bank moved money {len(transfers)} times, for {len(set(transfers))} invoices.")
    print(
        f"{len(summaries)} summaries were bought for {asked} invoices that were asked about, none again for an answer."
    )


if __name__ == "__main__":
    sys.exit(main())
