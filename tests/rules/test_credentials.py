"""Secrets behind references: read when they are there and private, else a reason that never shows content."""

import os
from pathlib import Path

import pytest

from rules.credentials import Unresolved
from rules.credentials import read_secret
from rules.credentials import unresolved
from rules.files import private_reader
from rules.load import load
from rules.load import load_file
from rules.upstream import Credential

ENV = Credential("env", "KEY")
FILE = Credential("file", "key")


def no_file(name: str) -> str:
    raise AssertionError(f"{name} was read")


@pytest.mark.parametrize(("env", "secret"), [({"KEY": "sk-1"}, "sk-1"), ({"KEY": " sk-1\n"}, "sk-1")])
def test_from_the_environment(env: dict[str, str], secret: str) -> None:
    assert read_secret(ENV, env, no_file) == secret


@pytest.mark.parametrize(
    ("env", "reason"),
    [
        ({}, "KEY is not set"),
        ({"KEY": "  "}, "KEY is empty"),
        ({"KEY": "hunter\nhunter"}, "more than one line"),
        ({"KEY": "hünter"}, "a header cannot carry"),
    ],
)
def test_what_is_no_secret(env: dict[str, str], reason: str) -> None:
    with pytest.raises(Unresolved, match=reason) as caught:
        read_secret(ENV, env, no_file)
    assert "nter" not in str(caught.value)


def test_from_a_private_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-1\n")
    (tmp_path / "key").chmod(0o640)
    assert read_secret(FILE, {}, private_reader(tmp_path)) == "sk-1"
    assert read_secret(Credential("file", str(tmp_path / "key")), {}, private_reader(Path("/"))) == "sk-1"


def test_a_home_that_does_not_exist_is_no_secret() -> None:
    with pytest.raises(Unresolved, match="No such file"):
        read_secret(Credential("file", "~nobody-of-that-name/key"), {}, private_reader(Path("/")))


def _open_to_all(path: Path) -> None:
    path.write_text("hunter2")
    path.chmod(0o604)


def _private(content: bytes) -> object:
    def make(path: Path) -> None:
        path.write_bytes(content)
        path.chmod(0o600)

    return make


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda _: None, "No such file"),
        (lambda path: path.mkdir(), "not a regular file|Is a directory"),
        (lambda path: os.mkfifo(path, 0o600), "not a regular file"),
        (_open_to_all, "chmod 600"),
        (_private(b" \n"), "is empty"),
        (_private(b"\xff"), "is not text"),
        (_private(b"x" * (65 << 10)), "larger than 64 KiB"),
    ],
)
def test_files_that_are_not_used(tmp_path: Path, make: object, reason: str) -> None:
    make(tmp_path / "key")  # type: ignore[operator]
    with pytest.raises(Unresolved, match=reason) as caught:
        read_secret(FILE, {}, private_reader(tmp_path))
    assert "hunter2" not in str(caught.value)


def test_a_file_without_a_secret_is_a_warning_with_its_reason(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("version: 1\nproviders: {a: {kind: openai, credential: file:key}}")
    _open_to_all(tmp_path / "key")
    (found,) = load_file(path, {}).diagnostics
    assert (found.code, found.severity) == ("VT021", "warning")
    assert "chmod 600" in found.message


def test_unresolved_tells_which_routes_need_the_secret() -> None:
    rules = load(
        "version: 1\nlisten: {intercept: '127.0.0.1:0'}\n"
        "providers: {a: {kind: openai, credential: env:A}, b: {kind: xai, credential: env:B},\n"
        "  c: {kind: zai, credential: env:C}, d: {kind: zai}}\n"
        "routes:\n"
        "- {name: apps, match: {door: intercept, host: a}, provider: a}\n"
        "- {name: swapped, match: {door: intercept, host: b}, provider: b, credential: inject}\n"
        "- {name: own, match: {path: /own}, provider: b, credential: client}\n"
        "- {name: rest, provider: b}\n",
        env={"C": "x"},
    ).rules
    assert rules is not None
    found = {missing.provider: (missing.routes, str(missing.credential)) for missing in unresolved(rules, {"C": "x"}, no_file)}
    assert found == {"a": ((), "env:A"), "b": (("swapped", "rest"), "env:B")}
