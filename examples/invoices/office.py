"""The world around the workflow, as stand-ins: what is known of suppliers, a bank, and a model that writes summaries.

What costs money leaves a line in `calls.log`, so that the demo can show that nothing was paid for twice.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

HERE = Path(__file__).parent
folder = HERE / ".demo"  # where the calls are noted; demo.py sets it

# What one unit is worth in euros.
RATES = {
    "CHF": Decimal("1.04"),
    "EUR": Decimal(1),
    "GBP": Decimal("1.17"),
    "JPY": Decimal("0.0061"),
    "PLN": Decimal("0.23"),
    "SEK": Decimal("0.088"),
    "USD": Decimal("0.92"),
}

ACCOUNTS = {
    "Alpine Taxi AG": "CH93 0076 2011 6238 5295 7",
    "Atlas Machinery Inc": "US 021000021 4441 9902",
    "Brightside Events": "US 026009593 7720 0184",
    "Cloudberry Hosting Ltd": "GB33 BUKB 2020 1555 5555 55",
    "Helvetia Analytics AG": "CH56 0483 5012 3456 7800 9",
    "Kaffee Kontor": "DE02 5001 0517 0137 0750 30",
    "Nordwind Logistik AB": "SE45 5000 0000 0583 9825 7466",
    "Papier Wagner GmbH": "DE02 1203 0000 0000 2020 51",
    "Sakura Print KK": "JP 0001 300 1234567",
    "Zamek Tools": "PL61 1090 1014 0000 0712 1981 2874",
}


async def write_summary(supplier: str, items: list[str]) -> str:
    """Stands for a language model: each call costs money."""
    note_call("summary", supplier)
    more = f" and {len(items) - 1} more" if len(items) > 1 else ""
    return f"{supplier} charges for {items[0]}{more}"


async def transfer(invoice: str, amount: str, *, key: str, attempt: int) -> None:
    """Stands for the bank. It knows each *key* once: a second transfer with the same one moves no money."""
    if invoice == "INV-2016" and attempt == 0:
        raise ConnectionError("the bank's line is busy")
    if key not in calls("transfer"):
        note_call("transfer", key)


def note_call(kind: str, what: str) -> None:
    with (folder / "calls.log").open("a") as log:
        log.write(f"{kind}\t{what}\n")


def calls(kind: str) -> list[str]:
    log = folder / "calls.log"
    lines = [line.split("\t") for line in log.read_text().splitlines()] if log.exists() else []
    return [what for found, what in lines if found == kind]
