"""Virtual keys: only the hash is known, comparison is constant-time, and a key ends when it should."""

import hmac
from datetime import UTC
from datetime import datetime
from hashlib import sha256

import pytest

from rules import keys
from rules.access import Key

RANDOM = bytes(range(32))


def key(plain: str = "vt_a", **more: object) -> Key:
    return Key.model_validate({"id": "a", "hash": keys.hash_key(plain)} | more)


def test_a_new_key_carries_all_its_randomness() -> None:
    made = keys.new_key(RANDOM)
    assert made == "vt_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
    assert keys.new_key(bytes(32)) != made


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_key_needs_32_bytes(size: int) -> None:
    with pytest.raises(ValueError, match="32 random bytes"):
        keys.new_key(bytes(size))


def test_hash() -> None:
    assert keys.hash_key("vt_é") == "sha256:" + sha256("vt_é".encode()).hexdigest()


@pytest.mark.parametrize(("presented", "found"), [("vt_a", "vt_a"), ("vt_b", "vt_b"), ("vt_c", None), ("", None), ("\ud800", None)])
def test_lookup(presented: str, found: str | None) -> None:
    known = [key("vt_a"), key("vt_b", id="b")]
    result = keys.find_key(known, presented)
    assert (result.hash if result else None) == (keys.hash_key(found) if found else None)


def test_lookup_compares_with_every_key_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []
    real = hmac.compare_digest

    def noted(a: bytes, b: bytes) -> bool:
        compared.append((a, b))
        return real(a, b)

    monkeypatch.setattr(hmac, "compare_digest", noted)
    known = [key("vt_a"), key("vt_b", id="b"), key("vt_c", id="c")]
    assert keys.find_key(known, "vt_a") is known[0]
    assert [a.decode() for a, _ in compared] == [k.hash for k in known]
    assert {b.decode() for _, b in compared} == {known[0].hash}


@pytest.mark.parametrize(
    ("more", "now", "state"),
    [
        ({}, "2030-01-01T00:00:00+00:00", "ok"),
        ({"revoked": True}, "2020-01-01T00:00:00+00:00", "revoked"),
        ({"expires": "2027-01-31"}, "2027-01-31T23:59:59+00:00", "ok"),
        ({"expires": "2027-01-31"}, "2027-02-01T00:00:00+00:00", "expired"),
        ({"expires": "2027-01-31T18:00:00Z"}, "2027-01-31T17:59:59+00:00", "ok"),
        ({"expires": "2027-01-31T18:00:00+02:00"}, "2027-01-31T16:00:00+00:00", "expired"),
        ({"expires": "2027-01-31", "revoked": True}, "2028-01-01T00:00:00+00:00", "revoked"),
    ],
)
def test_state(more: dict[str, object], now: str, state: str) -> None:
    assert keys.state(key(**more), datetime.fromisoformat(now).astimezone(UTC)) == state


@pytest.mark.parametrize(
    ("models", "allowed"),
    [
        (None, True),
        ([], False),
        (["gpt-realtime*"], True),
        (["openai/*"], True),
        (["xai/*"], False),
        (["GPT-*"], False),
        (["grok", "gpt-realtime-2"], True),
    ],
)
def test_models(models: list[str] | None, allowed: bool) -> None:
    chosen = key() if models is None else key(models=models)
    assert keys.allows(chosen, "gpt-realtime-2", "openai") == allowed
