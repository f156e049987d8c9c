"""pay-invoice: load an invoice, check it, let a person look where something is odd, pay it."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from typing import Any, Literal

import office
from pydantic import BaseModel, Field, PositiveInt

from cadenza import NonRetryableError, Retry, StepContext, Workflow, step

LIMIT = Decimal(5_000)  # euros; from here on a person looks
TWO_SIGNATURES = Decimal(50_000)  # euros; from here on two


class Line(BaseModel):
    item: str
    quantity: PositiveInt
    price: Decimal = Field(gt=0)


class Invoice(BaseModel):
    id: str
    supplier: str
    iban: str
    date: datetime.date
    due: datetime.date
    currency: Literal["CHF", "EUR", "GBP", "JPY", "PLN", "SEK", "USD"]
    lines: list[Line] = Field(min_length=1)
    total: Decimal = Field(gt=0)


class Checked(BaseModel):
    """An invoice that could be paid, and what is odd about it."""

    invoice: Invoice
    euros: Decimal
    concerns: list[str]
    note: str = ""  # of those who looked at it


class Review(BaseModel):
    """What a person answers. This is the form: its JSON Schema goes along with the question."""

    decision: Literal["pay", "reject"]
    note: str = ""


class Receipt(BaseModel):
    paid: bool
    note: str = ""


class NotPayable(NonRetryableError):
    """The invoice contradicts itself or another one; trying again would not help."""


@step
def load(entry: int) -> Any:
    """The invoice as it stands in the file: what it is worth is for `check` to say."""
    return read_file()[entry - 1]


@step
async def check(invoice: Invoice, ctx: StepContext) -> Checked:
    """Refuse what is wrong, note what is odd. Types and ranges were checked by `Invoice` on the way in."""
    added = sum((line.quantity * line.price for line in invoice.lines), Decimal(0))
    if added != invoice.total:
        raise NotPayable(f"the lines add up to {added}, the total says {invoice.total}")
    earlier = [other for other in read_file()[: await ctx.get_init_data() - 1] if isinstance(other, dict)]
    if any(other.get("id") == invoice.id for other in earlier):
        raise NotPayable(f"{invoice.id} is in the file before; it is paid once")
    euros = (invoice.total * office.RATES[invoice.currency]).quantize(Decimal("0.01"))
    return Checked(invoice=invoice, euros=euros, concerns=concerns(invoice, euros, earlier))


@step
async def review(checked: Checked, ctx: StepContext) -> Checked:
    """Ask a person, or two, where something is odd. While they think, nothing runs: the question is a row in the store."""
    if not checked.concerns:
        return checked
    invoice = checked.invoice
    # Kept once it has returned. The step runs again from its start with each answer, this line costs nothing then.
    summary = await ctx.once(
        "summary", office.write_summary, invoice.supplier, [line.item for line in invoice.lines]
    )
    question = {
        "invoice": invoice.id,
        "amount": money(invoice.total, invoice.currency),
        "summary": summary,
        "concerns": checked.concerns,
    }
    notes: list[str] = []
    for key in ["first signature", "second signature"] if checked.euros > TWO_SIGNATURES else ["signature"]:
        answer = await ctx.ask(Review, question=question, key=key)
        if answer.decision == "reject":
            ctx.bail(Receipt(paid=False, note=answer.note))  # ends the run, well: `pay` is not reached
        notes += [answer.note] if answer.note else []
    return checked.model_copy(update={"note": "; ".join(notes)})


@step(retries=Retry(attempts=2, delay=0.05))
async def pay(checked: Checked, ctx: StepContext) -> Receipt:
    """Pay. The key is the same however often this is tried, so the bank can tell a second try from a second payment."""
    await office.transfer(
        checked.invoice.id,
        money(checked.invoice.total, checked.invoice.currency),
        key=ctx.idempotency_key,
        attempt=ctx.retry_count,
    )
    return Receipt(paid=True, note="at the second try" if ctx.retry_count else checked.note)


pay_invoice = (
    Workflow("pay-invoice", input=int, output=Receipt).then(load).then(check).then(review).then(pay).commit()
)


def concerns(invoice: Invoice, euros: Decimal, earlier: list[dict[str, Any]]) -> list[str]:
    """Why a person should look."""
    known = office.ACCOUNTS.get(invoice.supplier)
    sum_of = (invoice.supplier, str(invoice.total))
    same = {other["id"] for other in earlier if (other.get("supplier"), other.get("total")) == sum_of}
    found = {
        f"more than {TWO_SIGNATURES:,} EUR: two signatures": euros > TWO_SIGNATURES,
        f"more than {LIMIT:,} EUR": LIMIT < euros <= TWO_SIGNATURES,
        "a supplier we do not know": known is None,
        "another bank account than before": known is not None and known != invoice.iban,
        "due before it was written": invoice.due < invoice.date,
        f"the same sum as {', '.join(sorted(same))}": bool(same),
    }
    return [concern for concern, there in found.items() if there]


def read_file() -> list[Any]:
    entries: list[Any] = json.loads((office.HERE / "invoices.json").read_text())
    return entries


def money(amount: Decimal, currency: str) -> str:
    return f"{amount:,.2f} {currency}"
