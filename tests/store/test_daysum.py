"""What days add up to is what their rows add up to, however often it is asked for; hits of policies by day; words that are looked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

from store.billed import Total
from store.billed import added_up
from store.billed import read_rows
from store.clock import stamp
from store.daysum import GROUPS
from store.daysum import joined
from store.daysum import sums
from store.hits import hits_of_policies
from store.log import Log
from store.log import LogReader

Make = Callable[..., dict[str, Any]]
FIRST = datetime(2026, 11, 21, tzinfo=UTC)


def cost(usd: float | None, quantity: int = 10, unit: str = "token") -> dict[str, Any]:
    line = {"item": "audio_out", "quantity": quantity, "unit": unit, "rate": 64.0, "per": 1_000_000, "usd": usd, "model": None}
    return {"usd": usd, "priced": usd is not None, "partial": False, "source": "list", "date": "", "lines": [line]}


def bill(clock: Any, session: str, number: int, **more: Any) -> dict[str, Any]:
    made = {"session": session, "row": number, "at": stamp(clock()), "principal": f"k{number % 2}", "model": f"m{number % 3}"}
    made |= {"route": "r", "provider": "sim", "item": "audio_out", "unit": "token", "quantity": 10 + number, "cost": 0.001 * number}
    return made | more


def check(log: Log, now: datetime) -> None:
    """Both ways of adding up say the same."""
    reader = LogReader(log.folder.parent)
    for _ in range(2):
        rows, days = read_rows(reader, FIRST, None, now), sums(reader, FIRST, now)
        assert Total.joined(day.total for day in days.values()).record() == Total.of(rows).record()
        by_day = {name: day.total.record() for name, day in days.items() if day.total.sessions or day.total.others}
        assert by_day == {name: total.record() for name, total in added_up(rows, "day")}
        for name in GROUPS:
            found = {group: total.record() for group, total in joined(day.by[name] for day in days.values()).items()}
            assert found == {group: total.record() for group, total in added_up(rows, name)}


def test_days_add_up_to_their_rows(log: Log, clock: Any, make_session: Make) -> None:
    for number in range(12):
        name = f"s{number}"
        log.session_opened(make_session(name, model=f"m{number % 3}", route="r", cost=cost(0.5 * number if number % 4 else None)))
        clock.forward(hours=5)
        if number % 5 != 4:  # one runs on
            log.session_closed(name, {"ended_at": stamp(clock()), "first_audio": {"last": [100.0 * number]}})
            if number % 3:  # one was billed, of another its record alone tells
                log.billed(bill(clock, name, number))
                log.billed(bill(clock, name, number + 1, cost=None))
        log.commit()
        check(log, clock())
    check(log, clock() + timedelta(hours=1))
    days = sums(LogReader(log.folder.parent), FIRST, clock())
    waits = sorted(wait for day in days.values() for found in day.waits.values() for wait in found)
    assert waits == [100.0 * number for number in range(12) if number % 5 != 4]


def test_what_began_before_and_ended_after_counts(log: Log, clock: Any, make_session: Make) -> None:
    clock.now = FIRST - timedelta(hours=1)
    log.session_opened(make_session("s", route="r", cost=cost(0.25)))
    clock.now = FIRST + timedelta(hours=1)
    log.session_opened(make_session("other", route="r", cost=cost(0.5)))
    log.session_closed("s", {})
    log.commit()
    check(log, clock())
    assert Total.joined(day.total for day in sums(LogReader(log.folder.parent), FIRST, clock()).values()).record()["usd"] == 0.75


def test_hits_of_policies_by_day(log: Log, clock: Any) -> None:
    counted: Counter[str] = Counter()
    for number in range(20):
        kind = "policy" if number % 4 else "limit"
        log.finding({"id": f"f{number}", "at": stamp(clock()), "session": f"s{number % 3}", "kind": kind, "policy": f"p{number % 2}"})
        counted[f"p{number % 2}"] += kind == "policy" and number >= 4
        clock.forward(hours=4)
    log.commit()
    now, reader = clock() - timedelta(hours=4), LogReader(log.folder.parent)
    for _ in range(2):
        found = hits_of_policies(reader, now, 3)
        assert {policy: one["count"] for policy, one in found.items()} == counted
        assert all(sum(one["days"]) == one["count"] and len(one["days"]) == 3 for one in found.values())
        assert {one["sessions"] for one in found.values()} == {3}
    assert found["p1"]["last"] == stamp(now)
    assert hits_of_policies(reader, now - timedelta(days=30), 3) == {}


def test_words_are_found_where_they_stand_and_nowhere_else(log: Log, make_session: Make, make_turn: Make) -> None:
    for number, route in enumerate(("plain", "caf\u00e9", "\u212aelvin")):
        log.session_opened(make_session(f"s{number}", route=route))
        log.turn_written(
            make_turn(f"s{number}", 1, input=f"Words {number}", output="", tool_calls=[{"name": "look", "arguments": '{"a":1}'}])
        )
    log.turn_written(make_turn("s0", 1, input="other words", output="na\u00efve"))
    log.commit()
    reader = LogReader(log.folder.parent)
    wanted = {
        "words": "210",
        "words 0": "",
        "WORDS 1": "1",
        "other": "0",
        "CAF\u00c9": "1",
        "kelvin": "2",
        "na\u00efve": "0",
        "look": "21",
        '{"a"': "21",
        "commit": "",
        "kiosk": "210",
        "nothing": "",
    }
    assert {text: "".join(row["id"][1] for row in reader.sessions(text=text)) for text in wanted} == wanted
    assert [row["id"] for row in reader.sessions(text="words", limit=1, offset=1)] == ["s1"]
