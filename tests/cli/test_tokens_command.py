"""`tokens`: what apps minted is listed without a secret, and ended by its id."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from datetime import timedelta
from pathlib import Path
from typing import Any

from commandline import Cli
from minted import minted

from rules.keys import hash_key
from store.state import State
from store.tokens import Tokens


def mint(data: Path, **more: Any) -> tuple[str, str]:
    """Keeps one; returns its id and its text."""
    token, text = minted(more.pop("expires", datetime.now(UTC) + timedelta(minutes=5)), **more)
    Tokens(State(data)).keep([token])
    return token.id, text


def test_there_are_none_at_first(cli: Cli) -> None:
    assert cli("tokens", "--json").json == []
    assert cli("tokens").code == 0


def test_they_are_listed_with_what_they_are_for_and_no_secret(cli: Cli, data: Path) -> None:
    cli("keys", "new", "web")
    token_id, text = mint(data, single_use=True, origin="https://app.example", route="eu")
    [listed] = cli("tokens", "--json").json
    assert datetime.fromisoformat(listed.pop("expires")) > datetime.now(UTC)
    assert listed == {
        "id": token_id,
        "state": "ok",
        "key": "web",
        "provider": "openai",
        "model": "gpt-realtime",
        "family": "realtime",
        "route": "eu",
        "single_use": True,
        "origin": "https://app.example",
    }
    shown = cli("tokens").out
    assert token_id in shown and "openai/gpt-realtime" in shown
    for secret in (text, hash_key(text), "ek_canary"):
        assert secret not in shown + cli("tokens", "--json").out


def test_the_state_is_its_own_or_that_of_its_key(cli: Cli, data: Path, rules: Path) -> None:
    rules.write_text(f"version: 1\nkeys:\n  - {{id: old, hash: '{hash_key('vt_x')}', expires: 2020-01-31}}\n")
    cli("keys", "new", "web")
    mint(data)
    mint(data, single_use=True, used=True)
    mint(data, expires=datetime.now(UTC) - timedelta(minutes=1))
    mint(data, principal="old")
    mint(data, principal="nobody")
    states = [row["state"] for row in cli("tokens", "--json").json]
    assert states == ["ok", "used", "expired", "key expired", "key removed"]
    cli("keys", "revoke", "web")
    assert cli("tokens", "--json").json[0]["state"] == "key revoked"


def test_one_is_revoked_by_its_id(cli: Cli, data: Path) -> None:
    cli("keys", "new", "web")
    first, text = mint(data)
    second, _ = mint(data)
    done = cli("tokens", "revoke", first)
    assert (done.code, done.out, done.err) == (0, "", f"{first} is revoked\n")
    assert {row["id"]: row["state"] for row in cli("tokens", "--json").json} == {first: "revoked", second: "ok"}
    found = Tokens(State(data)).find(text)
    assert found is not None and found.revoked


def test_an_unknown_id_is_an_error(cli: Cli) -> None:
    failed = cli("tokens", "revoke", "tok_none")
    assert (failed.code, failed.out) == (1, "")
    assert "error VT104: there is no ephemeral key 'tok_none'" in failed.err


def test_the_folder_may_stand_before_the_word_revoke(cli: Cli, tmp_path: Path) -> None:
    token_id, _ = mint(tmp_path / "elsewhere")
    assert cli("tokens", "revoke", token_id).code == 1
    assert cli("tokens", "--data", str(tmp_path / "elsewhere"), "revoke", token_id).code == 0


def test_what_has_control_characters_is_printed_plain(cli: Cli, data: Path) -> None:
    mint(data, model="gpt\x1b[31m-x")
    assert "\x1b" not in cli("tokens").out + cli("tokens", "--json").out
