"""Ephemeral keys on the disk: sealed, shared by processes, used once where they may be, forgotten in time."""

from __future__ import annotations

import asyncio
import multiprocessing
from dataclasses import replace
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from minted import minted

from rules.keys import hash_key
from store.state import State
from store.tokens import KEPT
from store.tokens import MOST_OF_A_KEY
from store.tokens import PREFIX
from store.tokens import Token
from store.tokens import Tokens
from store.tokens import new_token
from store.tokens import opened

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECRET = "ek_canary_of_the_provider"


def make(**more: Any) -> tuple[Token, str]:
    """A token as it is kept, and its text."""
    fields = {"secret": SECRET, "session": {"instructions": "canary of the prompt", "n": 1}, **more}
    return minted(fields.pop("expires", NOW + timedelta(minutes=10)), **fields)


def tokens(folder: Path, now: datetime = NOW) -> Tokens:
    return Tokens(State(folder), clock=lambda: now)


def test_a_key_begins_as_browsers_want_it_and_is_made_of_256_bits() -> None:
    made = {new_token() for _ in range(100)}
    assert len({text for _, text in made}) == len({token_id for token_id, _ in made}) == 100
    assert all(text.startswith(PREFIX) and len(text) == len(PREFIX) + 43 for _, text in made)


def test_what_is_kept_is_found_by_its_text_alone_by_every_process(tmp_path: Path) -> None:
    token, text = make(origin="https://app.example")
    here, there = tokens(tmp_path), tokens(tmp_path)
    assert there.find(text) is None
    here.keep([token])
    found = there.find(text)
    assert found == replace(token, secret=SECRET, session={"instructions": "canary of the prompt", "n": 1})
    assert there.find(text[:-1]) is None and there.find(token.hash) is None and there.find(token.id) is None
    assert there.all() == [token]


def test_the_file_holds_no_key_no_secret_and_no_prompt(tmp_path: Path) -> None:
    token, text = make()
    tokens(tmp_path).keep([token])
    written = (tmp_path / "state.jsonl").read_text()
    assert token.id in written and hash_key(text) in written
    assert not any(secret in written for secret in (text, text.removeprefix(PREFIX), SECRET, "canary"))
    assert SECRET not in repr(opened(token, text)) and "canary" not in repr(opened(token, text)) and token.sealed not in repr(token)


def test_only_its_own_text_opens_it() -> None:
    token, text = make()
    other, other_text = make()
    for wrong in (other_text, token.hash, ""):
        with pytest.raises(ValueError, match="cannot be unsealed"):
            opened(token, wrong)
    with pytest.raises(ValueError, match="cannot be unsealed"):
        opened(replace(other, sealed=token.sealed), text)
    assert opened(token, text).secret == SECRET


def test_one_without_a_secret_of_the_provider_has_its_session() -> None:
    token, text = make(secret=None)
    assert (opened(token, text).secret, opened(token, text).session) == (None, {"instructions": "canary of the prompt", "n": 1})


def test_its_states() -> None:
    token, _ = make(single_use=True)
    assert token.state(NOW) == "ok"
    assert token.state(token.expires) == "expired"
    assert replace(token, used=True).state(NOW) == "used"
    assert replace(token, used=True, revoked=True).state(NOW) == "revoked"


def test_a_revoked_one_is_so_for_everybody(tmp_path: Path) -> None:
    token, text = make()
    here, there = tokens(tmp_path), tokens(tmp_path)
    here.keep([token])
    assert there.revoke(token.id) and not there.revoke("tok_unknown")
    found = here.find(text)
    assert found is not None and found.revoked
    assert here.revoked() == {token.id} and not here.use(token.id)


def test_one_that_lives_is_used_again_and_again(tmp_path: Path) -> None:
    token, _ = make()
    store = tokens(tmp_path)
    store.keep([token])
    assert [store.use(token.id) for _ in range(3)] == [True] * 3
    assert not store.use("tok_unknown")
    assert not tokens(tmp_path, token.expires).use(token.id)


def compete(folder: str, token_id: str, gate: Any, results: Any) -> None:
    store = Tokens(State(Path(folder)), clock=lambda: NOW)
    gate.wait(20)
    results.put(store.use(token_id))


def test_a_single_use_goes_to_one_of_several_processes(tmp_path: Path) -> None:
    token, text = make(single_use=True)
    store = tokens(tmp_path)
    store.keep([token])
    context = multiprocessing.get_context("spawn")
    gate, results = context.Barrier(4), context.Queue()
    racing = [context.Process(target=compete, args=(str(tmp_path), token.id, gate, results)) for _ in range(4)]
    for process in racing:
        process.start()
    won = sorted(results.get(timeout=20) for _ in racing)
    for process in racing:
        process.join(20)
    assert won == [False, False, False, True]
    found = store.find(text)
    assert found is not None and found.state(NOW) == "used" and not store.use(token.id)


def test_a_key_has_so_many_and_no_more_until_some_are_over(tmp_path: Path) -> None:
    store = tokens(tmp_path)
    row, _ = make(expires=NOW + timedelta(minutes=1))
    documents = [{**document(row), "id": f"tok_{number}", "hash": f"sha256:{number}"} for number in range(MOST_OF_A_KEY)]
    State(tmp_path).tokens.insert_multiple(documents)
    assert store.keep([make()[0], make(principal="other")[0]]) == [False, True]
    store.revoke("tok_7")
    assert store.keep([make()[0], make()[0]]) == [True, False]
    later, _ = make(expires=NOW + timedelta(hours=2))
    assert tokens(tmp_path, NOW + timedelta(minutes=1)).keep([later]) == [True]


def document(token: Token) -> dict[str, Any]:
    return {
        name: value.isoformat() if name == "expires" else value
        for name in Token.__slots__
        if name not in ("secret", "session")
        for value in [getattr(token, name)]
    }


def test_expired_ones_are_forgotten_in_time(tmp_path: Path) -> None:
    first, _ = make()
    tokens(tmp_path).keep([first])
    second, _ = make()
    tokens(tmp_path, first.expires).keep([second])
    assert [token.id for token in tokens(tmp_path).all()] == [first.id, second.id]
    third, _ = make(expires=NOW + timedelta(days=1))
    tokens(tmp_path, first.expires + KEPT).keep([third])
    assert [token.id for token in tokens(tmp_path).all()] == [third.id]


def test_a_file_of_many_that_are_over_does_not_grow_without_end(tmp_path: Path) -> None:
    store, size = tokens(tmp_path), 0
    long_over = [make(expires=NOW - 2 * KEPT, secret="x" * 2_000)[0] for _ in range(100)]
    for _ in range(20):
        store.keep([replace(token, id=new_token()[0]) for token in long_over])
        size = max(size, (tmp_path / "state.jsonl").stat().st_size)
    assert size < 3 << 20
    token, text = make()
    store.keep([token])
    assert tokens(tmp_path).find(text) is not None


def test_members_of_a_later_version_are_ignored(tmp_path: Path) -> None:
    token, text = make()
    State(tmp_path).tokens.insert({**document(token), "later": 1})
    found = tokens(tmp_path).find(text)
    assert found is not None and found.id == token.id


async def test_a_reader_in_one_thread_and_a_writer_in_another_agree(tmp_path: Path) -> None:
    reader, writer = tokens(tmp_path), tokens(tmp_path)
    for _ in range(20):
        token, text = make()
        keeping = asyncio.create_task(asyncio.to_thread(writer.keep, [token]))
        while not keeping.done():
            reader.find(text)
            await asyncio.sleep(0)
        await keeping
        assert reader.find(text) is not None
