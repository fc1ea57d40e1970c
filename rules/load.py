"""From the text of a rules file to `Rules`, or to everything that is wrong with it, in one go and in file order."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path
from typing import Any
from typing import Final

from pydantic import ValidationError

from rules.capability import Cannot
from rules.capability import cannot as cannot_by_configuration
from rules.check import GENERAL
from rules.check import Checked
from rules.check import prune
from rules.credentials import ReadFile
from rules.credentials import lacking_headers
from rules.credentials import unresolved
from rules.diagnostics import Diagnostic
from rules.files import private_reader
from rules.files import read_rules
from rules.locate import Reporter
from rules.locate import mask_secrets
from rules.model import Rules
from rules.reach import REACH
from rules.rehearsal import rehearse
from rules.words import word_lists
from rules.yamlload import Document
from rules.yamlload import Path as KeyPath
from rules.yamlload import read_yaml

NAME: Final = "rules.yaml"


@dataclass(frozen=True, slots=True)
class Loaded:
    """`rules` is None when any diagnostic is an error. Diagnostics stand in the order of the file."""

    rules: Rules | None
    diagnostics: tuple[Diagnostic, ...]
    name: str = NAME

    def render(self) -> str:
        """All diagnostics for a terminal."""
        return "\n".join(found.render(self.name) for found in self.diagnostics)


def load(
    text: str,
    *,
    name: str = NAME,
    env: Mapping[str, str],
    read_file: ReadFile | None = None,
    stored_keys: Collection[str] = (),
    cannot: Cannot = cannot_by_configuration,
) -> Loaded:
    """Reads and checks `text`. Never raises for what the text says.

    `stored_keys` are the ids of usable keys kept elsewhere. Without `read_file` secrets in files are taken to be there.
    """
    document = read_yaml(text)
    checked = _build(document, Reporter(document), stored_keys, cannot) if document.complete else None
    if checked is not None:
        for check in (*GENERAL, *REACH, _check_tests):
            check(checked)
        _check_secrets(checked, env, read_file)
    mask_secrets(document)
    found = _in_order(document)
    sound = checked is not None and not any(d.severity == "error" for d in found)
    return Loaded(checked.rules if checked is not None and sound else None, found, name)


def load_file(path: Path, env: Mapping[str, str], *, stored_keys: Collection[str] = (), cannot: Cannot = cannot_by_configuration) -> Loaded:
    """Reads and checks a file; secrets in relative paths are looked for beside it."""
    try:
        text = read_rules(path).decode()
    except OSError as error:
        return Loaded(None, (Diagnostic("VT001", f"the file cannot be read: {error.strerror or error}", 1, 1),), path.name)
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        return Loaded(None, (Diagnostic("VT001", "the file is not text in UTF-8", line, 1),), path.name)
    reader = private_reader(path.parent)
    return load(text, name=path.name, env=env, read_file=reader, stored_keys=stored_keys, cannot=cannot)


def _build(document: Document, reporter: Reporter, stored_keys: Collection[str], cannot: Cannot) -> Checked | None:
    """The healthy parts of the file, with a diagnostic for every other; None where the file is not made of sections at all."""
    refused: list[KeyPath] = [*document.unreadable]
    try:
        Rules.model_validate(document.value)
    except ValidationError as error:
        refused += reporter.add_errors(error)
    if not isinstance(document.value, dict):
        return None
    kept, numbers = prune(document.value, refused)
    lost = document.value.keys() - kept.keys()
    return Checked(Rules.model_validate(kept), reporter, numbers, *_names(document.value), stored_keys, lost, cannot)


def _names(value: Mapping[str, Any]) -> tuple[Collection[str] | None, Collection[str] | None, Collection[str] | None]:
    """The names of providers, the ids of keys and the names of word lists as they are written; None where the section cannot be read."""
    providers = value.get("providers") or {}
    keys = value.get("keys") or []
    ids = [key["id"] for key in keys if isinstance(key, dict) and isinstance(key.get("id"), str)] if isinstance(keys, list) else None
    words = value.get("words") or {}
    return (tuple(providers) if isinstance(providers, dict) else None), ids, (tuple(words) if isinstance(words, dict) else None)


def _check_tests(checked: Checked) -> None:
    """VT050: an inline test of a policy that comes out differently."""
    lists = word_lists(checked.rules.words)
    for position, policy in enumerate(checked.rules.policies):
        for number, test in enumerate(policy.tests):
            result = rehearse(policy, test, lists)
            if result != test.expect:
                path = (*checked.path("policies", position, "tests"), number, "expect")
                checked.report.add(path, "VT050", f"the policy {policy.id!r} should {_verb(test.expect)} here, and would {_verb(result)}")


def _verb(outcome: str) -> str:
    return "do nothing" if outcome == "none" else outcome


def _check_secrets(checked: Checked, env: Mapping[str, str], read_file: ReadFile | None) -> None:
    """VT021: a secret that is not there."""
    for missing in unresolved(checked.rules, env, read_file or (lambda _: "unread")):
        message = f"{missing.reason}, so the provider {missing.provider!r} cannot be used"
        checked.report.add(("providers", missing.provider, "credential"), "VT021", message)
    for header, reason in lacking_headers(checked.rules, env, read_file or (lambda _: "unread")):
        checked.report.add(("otel", "headers", header), "VT021", f"{reason}, so the collector gets nothing", severity="warning")
    source, _, name = checked.rules.log.store.partition(":")
    if source == "env" and not env.get(name):
        checked.report.add(("log", "store"), "VT021", f"the environment variable {name} is not set, so the log has no place")


def _in_order(document: Document) -> tuple[Diagnostic, ...]:
    lines = dict(enumerate(document.lines, 1))
    found = sorted(document.diagnostics, key=lambda d: (d.line, d.column, d.code))
    return tuple(replace(d, source=lines.get(d.line, "")) for d in found)
