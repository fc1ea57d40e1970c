"""`keys`: a key is shown once, its hash is what is kept, and what a running proxy sees follows."""

from __future__ import annotations

import re
import stat
from pathlib import Path

from commandline import Cli

from addons.keyring import Keyring
from rules.keys import find_key
from rules.keys import hash_key
from rules.keys import state
from store.clock import utc_now

IN_THE_RULES = """\
version: 1
keys:
  - {id: shipped, hash: "%s", models: [gpt-*], expires: 2020-01-31}
"""


def test_a_key_is_printed_once_and_only_its_hash_is_kept(cli: Cli, data: Path) -> None:
    made = cli("keys", "new", "kiosk")
    assert made.code == 0
    assert re.fullmatch(r"vt_[A-Za-z0-9_-]{43}\n", made.out)
    secret = made.out.strip()
    assert f"- {{id: kiosk, hash: {hash_key(secret)}}}" in made.err
    kept = b"".join(path.read_bytes() for path in data.rglob("*") if path.is_file())
    assert hash_key(secret).encode() in kept
    assert secret.encode() not in kept
    assert secret not in cli("keys", "list").out


def test_the_proxy_takes_it_and_lets_go_of_it(cli: Cli, data: Path) -> None:
    keyring = Keyring(data)
    assert keyring.usable() == []
    secret = cli("keys", "new", "kiosk", "--json").json["key"]
    found = find_key(keyring.keys(), secret)
    assert found is not None
    assert state(found, utc_now()) == "ok"
    assert cli("keys", "revoke", "kiosk").code == 0
    found = find_key(keyring.keys(), secret)
    assert found is not None
    assert state(found, utc_now()) == "revoked"


def test_json(cli: Cli) -> None:
    made = cli("keys", "new", "kiosk", "--json", "--models", "gpt-*", "--models", "grok-*", "--expires", "2127-01-31")
    assert set(made.json) == {"id", "key", "hash"}
    assert made.json["hash"] == hash_key(made.json["key"])
    [listed] = cli("keys", "list", "--json").json
    assert listed == {"id": "kiosk", "state": "ok", "from": "data", "models": ["gpt-*", "grok-*"], "expires": "2127-02-01T00:00:00+00:00"}


def test_keys_of_both_places_are_listed(cli: Cli, rules: Path) -> None:
    rules.write_text(IN_THE_RULES % hash_key("vt_x"))
    cli("keys", "new", "lab")
    assert [(key["id"], key["from"], key["state"]) for key in cli("keys", "list", "--json").json] == [
        ("shipped", "rules", "expired"),
        ("lab", "data", "ok"),
    ]
    assert hash_key("vt_x") not in cli("keys", "list").out


def test_files_are_private_whatever_the_umask(cli: Cli, data: Path) -> None:
    cli("keys", "new", "kiosk")
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in data.rglob("*") if path.is_file()} == {0o600}


def test_a_name_is_used_once(cli: Cli, rules: Path) -> None:
    cli("keys", "new", "kiosk")
    cli("keys", "revoke", "kiosk")
    again = cli("keys", "new", "kiosk")
    assert (again.code, again.out) == (1, "")
    assert "error VT104: " in again.err
    rules.write_text(IN_THE_RULES % hash_key("vt_x"))
    assert cli("keys", "new", "shipped").code == 1


def test_values_that_cannot_be_used(cli: Cli, data: Path) -> None:
    for arguments in (("local",), ("a b",), ("kiosk", "--expires", "tomorrow")):
        found = cli("keys", "new", *arguments)
        assert (found.code, found.out) == (2, ""), arguments
        assert "error VT105: " in found.err
    assert not data.exists()


def test_a_key_that_cannot_be_revoked(cli: Cli, rules: Path) -> None:
    rules.write_text(IN_THE_RULES % hash_key("vt_x"))
    found = cli("keys", "revoke", "shipped")
    assert found.code == 1
    assert "add `revoked: true`" in found.err
    assert cli("keys", "revoke", "nobody").code == 1


def test_broken_rules_do_not_hide_the_other_keys(cli: Cli, rules: Path) -> None:
    cli("keys", "new", "lab")
    rules.write_text("version: 2\n")
    found = cli("keys", "list", "--json")
    assert [key["id"] for key in found.json] == ["lab"]
    assert "has errors" in found.err
