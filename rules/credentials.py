"""Reads the secret behind a credential reference; the only place where a reference becomes a secret."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass

from rules.model import Rules
from rules.upstream import Credential

ReadFile = Callable[[str], str]
"""Returns the text of a file; raises OSError (with a reason fit for people) or UnicodeDecodeError."""


class Unresolved(Exception):
    """The secret is not there; the text says why and names the variable or file, never its content."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A provider whose secret is not there. `routes` name it and would inject that secret; empty when no route needs it."""

    provider: str
    credential: Credential
    reason: str
    routes: tuple[str, ...]


def read_secret(credential: Credential, env: Mapping[str, str], read_file: ReadFile) -> str:
    """The secret, trimmed. Raises Unresolved when it is absent, blank, unreadable or could not stand in a header."""
    secret = (_from_env if credential.source == "env" else _from_file)(credential.name, env, read_file).strip()
    if not secret:
        raise Unresolved(f"{_called(credential)} is empty")
    if not (secret.isascii() and secret.isprintable()):
        raise Unresolved(f"{_called(credential)} holds more than one line, or characters that a header cannot carry")
    return secret


def unresolved(rules: Rules, env: Mapping[str, str], read_file: ReadFile) -> tuple[Missing, ...]:
    """The providers whose secret is not there, each with the routes that need it."""
    found = []
    for name, provider in rules.providers.items():
        if provider.credential is None:
            continue
        try:
            read_secret(provider.credential, env, read_file)
        except Unresolved as error:
            found.append(Missing(name, provider.credential, str(error), _needed_by(rules, name)))
    return tuple(found)


def lacking_headers(rules: Rules, env: Mapping[str, str], read_file: ReadFile) -> list[tuple[str, str]]:
    """The headers of the collector whose secret is not there, each with the reason."""
    found = []
    for header, reference in (rules.otel.headers if rules.otel is not None else {}).items():
        try:
            read_secret(reference, env, read_file)
        except Unresolved as error:
            found.append((header, str(error)))
    return found


def _from_env(name: str, env: Mapping[str, str], _: ReadFile) -> str:
    if name not in env:
        raise Unresolved(f"the environment variable {name} is not set")
    return env[name]


def _from_file(name: str, _: Mapping[str, str], read_file: ReadFile) -> str:
    try:
        return read_file(name)
    except OSError as error:
        raise Unresolved(f"the file {name} cannot be used: {error.strerror or error}") from error
    except ValueError as error:
        raise Unresolved(f"the file {name} is not text") from error


def _called(credential: Credential) -> str:
    return f"the environment variable {credential.name}" if credential.source == "env" else f"the file {credential.name}"


def _needed_by(rules: Rules, provider: str) -> tuple[str, ...]:
    """Routes to `provider` that put its secret in: those that say so, and those of the gateway door that say nothing."""
    return tuple(
        route.name
        for route in rules.routes
        if route.provider == provider and (route.credential == "inject" or (route.credential is None and route.match.door != "intercept"))
    )
