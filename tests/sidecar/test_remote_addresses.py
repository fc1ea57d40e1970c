"""Which remote addresses a leg admits, by its scope."""

from __future__ import annotations

import ipaddress

import pytest

from sidecar import addresses
from sidecar.addresses import Admission
from sidecar.addresses import Scope
from sidecar.addresses import own_addresses

OWN = ("192.0.2.2", "fe80::1", "2001:db8::2")

LOCAL: set[Scope] = {"local", "private", "any"}
PRIVATE: set[Scope] = {"private", "any"}
GLOBAL: set[Scope] = {"any", "global"}
NONE: set[Scope] = set()


@pytest.fixture(autouse=True)
def own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "own_addresses", lambda: frozenset(map(ipaddress.ip_address, OWN)))


@pytest.mark.parametrize(
    ("host", "scopes"),
    [
        ("127.0.0.1", LOCAL),
        ("127.8.8.8", LOCAL),
        ("::1", LOCAL),
        ("192.0.2.2", LOCAL),
        ("fe80::1", LOCAL),
        ("::ffff:127.0.0.1", LOCAL),
        ("10.1.2.3", PRIVATE),
        ("172.16.0.1", PRIVATE),
        ("192.168.1.1", PRIVATE),
        ("100.64.0.1", PRIVATE),
        ("fd12::1", PRIVATE),
        ("::ffff:10.0.0.1", PRIVATE),
        ("64:ff9b::a00:1", PRIVATE),
        ("2002:a00:1::1", PRIVATE),
        ("8.8.8.8", GLOBAL),
        ("2606:4700::1", GLOBAL),
        ("64:ff9b::808:808", GLOBAL),
        ("169.254.169.254", NONE),
        ("::ffff:169.254.169.254", NONE),
        ("fe80::2", NONE),
        ("224.0.0.1", NONE),
        ("ff02::1", NONE),
        ("0.0.0.0", NONE),
        ("::", NONE),
        ("255.255.255.255", NONE),
        ("192.0.2.3", NONE),
        ("240.0.0.1", NONE),
        ("host.local", NONE),
        ("", NONE),
    ],
)
def test_an_address_is_admitted_in_its_scopes_alone(host: str, scopes: set[Scope]) -> None:
    every: tuple[Scope, ...] = ("local", "private", "any", "global")
    assert {scope for scope in every if Admission(scope)(host)} == scopes


def test_an_own_address_is_not_global_even_if_it_is_public(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "own_addresses", lambda: frozenset((ipaddress.ip_address("8.8.4.4"),)))
    assert Admission("local")("8.8.4.4")
    assert not Admission("global")("8.8.4.4")


def test_verdicts_are_remembered_within_a_bound() -> None:
    admits = Admission("any")
    for number in range(1000):
        assert admits(f"10.0.{number // 250}.{number % 250 + 1}")
    assert len(admits._verdicts) <= addresses.MAX_VERDICTS


def test_the_addresses_of_this_machine_hold_loopback() -> None:
    assert ipaddress.ip_address("127.0.0.1") in own_addresses()
