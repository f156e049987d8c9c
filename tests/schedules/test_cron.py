"""When cron expressions fire, through summer time too. `Europe/Berlin` goes forward on 29 March 2026 at 2:00, back on 25 October at 3:00."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cadenza import errors as err
from cadenza.model.cron import Cron


def fires(expression: str, timezone: str | None, begin: str, count: int) -> list[str]:
    cron = Cron(expression=expression, timezone=timezone)
    at: datetime | None = datetime.fromisoformat(begin).replace(tzinfo=UTC)
    found = []
    for _ in range(count):
        assert at is not None
        at = cron.next_after(at)
        assert at is not None
        assert at.tzinfo is UTC
        found.append(at.strftime("%d %H:%M:%S"))
    return found


@pytest.mark.parametrize(
    ("expression", "timezone", "begin", "expected"),
    [
        pytest.param("30 2 * * *", None, "2026-03-28", ["28 02:30:00", "29 02:30:00"], id="utc"),
        pytest.param(
            "0 9 * * MON-FRI", "Europe/Berlin", "2026-01-02", ["02 08:00:00", "05 08:00:00"], id="zone"
        ),
        pytest.param(
            "30 2 * * *",
            "Europe/Berlin",
            "2026-03-28",
            ["28 01:30:00", "29 01:00:00", "30 00:30:00"],
            id="a skipped time of day fires when the hour is over",
        ),
        pytest.param(
            "15,45 2 * * *",
            "Europe/Berlin",
            "2026-03-28T02:00",
            ["29 01:00:00", "30 00:15:00"],
            id="several skipped times fire once",
        ),
        pytest.param(
            "30 2 * * *",
            "Europe/Berlin",
            "2026-10-24T12:00",
            ["25 00:30:00", "26 01:30:00"],
            id="a time that comes twice fires the first time",
        ),
        pytest.param(
            "30 2 * * *",
            "Europe/Berlin",
            "2026-10-25T01:10",
            ["26 01:30:00"],
            id="nor from within the second time",
        ),
        pytest.param(
            "30 * * * *",
            "Europe/Berlin",
            "2026-10-25",
            ["25 00:30:00", "25 01:30:00", "25 02:30:00"],
            id="each real hour in autumn",
        ),
        pytest.param(
            "30 * * * *",
            "Europe/Berlin",
            "2026-03-29",
            ["29 00:30:00", "29 01:30:00"],
            id="each real hour in spring",
        ),
        pytest.param("*/20 * * * * *", None, "2026-01-01", ["01 00:00:20", "01 00:00:40"], id="seconds"),
        pytest.param("0 0 29 2 *", None, "2026-01-01", ["29 00:00:00"], id="leap days"),
    ],
)
def test_a_schedule_fires_at_these_moments(
    expression: str, timezone: str | None, begin: str, expected: list[str]
) -> None:
    assert fires(expression, timezone, begin, len(expected)) == expected


@pytest.mark.parametrize(
    "expression", ["", "nope", "* * * *", "60 * * * *", "0 0 30 2 *", "* * * * * * *", "0 0 * * XYZ"]
)
def test_what_is_no_expression_or_never_fires_is_refused(expression: str) -> None:
    with pytest.raises(err.InvalidCron, match="invalid cron expression"):
        Cron(expression=expression)


@pytest.mark.parametrize("timezone", ["Mars/Base", "../etc/passwd", "Europe", "/etc/localtime", "a\0b"])
def test_a_time_zone_that_nobody_knows_is_refused(timezone: str) -> None:
    with pytest.raises(err.InvalidTimezone, match="there is no time zone"):
        Cron(expression="* * * * *", timezone=timezone)
