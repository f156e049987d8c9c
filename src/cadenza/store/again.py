"""What a writer is told whose write could not be made: in every store the same.

A writer that heard nothing of its write, because a connection broke, makes it again, and must neither write twice nor take
another's write for its own.
"""

from __future__ import annotations

from dataclasses import replace

from .base import Receipt, RunRow, Write


def receipt_of(row: RunRow) -> Receipt:
    """What there is to know of *row* for who drives it, or has just given its lease back."""
    return Receipt(
        epoch=row.epoch,
        signals=row.signals,
        cancel_requested=row.cancel_requested,
        released=row.lease is None,
    )


def told_again(write: Write, row: RunRow, *, there: bool) -> Receipt | None:
    """The receipt of *write*, which could not be made at *row*; None where it is a conflict.

    *there*: its entries stand in the journal, from where it expects them. Then it was made, if its writer still drives the run,
    or gave the lease back with it. One that heeds signals is told of new ones, if it could be made without them.
    """
    lease, claim = row.lease, write.claim
    if claim is None:
        mine = row.epoch == write.epoch
    else:
        mine = write.release if lease is None else lease.owner == claim.owner
    if mine and there:
        return receipt_of(row)
    unheeded = write.heed and claim is None and row.signals != write.signals
    if mine and unheeded and lease is not None and row.seq == write.expect:
        return replace(receipt_of(row), made=False)
    return None
