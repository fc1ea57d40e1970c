"""What is found in a session while it is erased, or afterwards, keeps nothing of what was said."""

from __future__ import annotations

from erasestage import Stage
from erasestage import nothing

from store import contentfolder
from store.clock import stamp
from store.erasing import Act
from store.erasing import Done
from store.erasing import carry_out
from store.inventory import Inventory
from store.log import LogReader
from store.targets import chosen
from store.verify import verify


def found(stage: Stage, session: str, number: int) -> None:
    """A finding with an excerpt, of now."""
    stage.log.finding({"id": f"f{number}", "at": stamp(stage.clock()), "session": session, "excerpt": f"secret {number}"})


def excerpts(stage: Stage) -> dict[str, tuple[str | None, str | None]]:
    stage.log.commit()
    return {row["id"]: (row["excerpt"], row.get("content")) for row in LogReader(stage.data).findings()}


async def test_what_is_found_in_an_erased_session_afterwards_has_no_excerpt(stage: Stage) -> None:
    for name in ("gone", "kept"):
        stage.open(name, sound=False)
    found(stage, "gone", 1)
    assert await stage.ask(sessions=["gone"]) == Done(1, 1, 0)
    found(stage, "gone", 2)
    stage.clock.forward(days=1)
    found(stage, "gone", 3)
    stage.log.session_closed("gone", {})
    found(stage, "gone", 4)
    found(stage, "kept", 5)
    stage.add("ended", sound=False)
    assert await stage.ask(sessions=["ended"]) == Done(1, 1, 0)
    found(stage, "ended", 6)
    gone: tuple[str | None, str | None] = (None, "erased")
    assert excerpts(stage) == {"f1": gone, "f2": gone, "f3": gone, "f4": gone, "f5": ("secret 5", None), "f6": gone}
    assert {session for _, session in contentfolder.contents(stage.data)} == {"kept"}
    stage.log.close()
    assert verify(stage.data).bad is None


async def test_what_is_found_while_it_is_being_erased_goes_too(stage: Stage) -> None:
    stage.open("gone", sound=False)
    stage.clock.forward(days=1)
    stage.log.commit()
    targets = chosen(Inventory(stage.log.reader, stage.data), lambda session, known: True)
    found(stage, "gone", 1)
    stage.log.session_closed("gone", {})
    assert await carry_out(stage.log, stage.data, Act("era_1", "alice", "asked for", targets), nothing) == Done(1, 2, 0)
    assert excerpts(stage) == {"f1": (None, "erased")}
    assert list(contentfolder.contents(stage.data)) == []
    stage.log.close()
    assert verify(stage.data).bad is None
