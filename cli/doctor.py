"""`doctor`: is everything in order on this machine, and if not, what mends it?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import Final

import typer
from rich.text import Text

from cli.doctor_machine import authority
from cli.doctor_machine import data_folder
from cli.doctor_machine import disk
from cli.doctor_machine import packages
from cli.doctor_machine import python
from cli.doctor_network import listeners
from cli.doctor_network import upstreams
from cli.doctor_sidecar import sidecar
from cli.errors import FAILED
from cli.errors import Failure
from cli.finding import Finding
from cli.finding import fail
from cli.finding import ok
from cli.finding import warn
from cli.keystore import stored_keys
from cli.options import DATA
from cli.options import RULES
from cli.options import AsJson
from cli.options import DataFolder
from cli.options import RulesFile
from cli.output import out
from cli.output import print_json
from cli.output import progress
from cli.plain import plain
from cli.records import read_sessions
from cli.rulesfile import read_rules
from cli.runfile import find_running
from rules.access import Key
from rules.credentials import unresolved
from rules.files import private_reader
from rules.keys import state
from rules.load import Loaded
from rules.model import Rules

_MARKS: Final = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "bold red")}


def doctor(rules: RulesFile = RULES, data: DataFolder = DATA, as_json: AsJson = False) -> None:
    """Check this installation: Python, rules, keys, credentials, ports, WebRTC, files, CA, disk, providers, clock. Exits 1 on any ✗."""
    found: list[Finding] = []
    with progress("looking around"):
        found.extend(_examine(rules, data))
    if as_json:
        print_json({"ok": all(finding.state != "fail" for finding in found), "findings": [asdict(finding) for finding in found]})
    else:
        for finding in found:
            _show(finding)
    if any(finding.state == "fail" for finding in found):
        raise typer.Exit(FAILED)


def _examine(path: Path, data: Path) -> Iterator[Finding]:
    yield python()
    yield packages()
    yield data_folder(data)
    yield disk(data)
    yield from authority(data)
    yield _log(data)
    try:
        stored = stored_keys(data)
    except Failure as failure:
        yield fail("keys", failure.message, failure.fix)
        stored = ()
    loaded = read_rules(path, [key.id for key in stored if not key.revoked])
    yield _rules(path, loaded)
    if loaded.rules is not None:
        yield from _with_rules(loaded.rules, path.parent, data, (*loaded.rules.keys, *stored))


def _with_rules(rules: Rules, folder: Path, data: Path, keys: tuple[Key, ...]) -> Iterator[Finding]:
    now = datetime.now(UTC)
    usable = sum(state(key, now) == "ok" for key in keys)
    yield _keys(usable, len(keys))
    yield from listeners(rules, find_running(data), usable)
    yield from sidecar(rules.webrtc, folder)
    missing = {found.provider: found for found in unresolved(rules, os.environ, private_reader(folder))}
    for found in missing.values():
        fix = (
            f"export {found.credential.name}=…"
            if found.credential.source == "env"
            else f"put the key into {found.credential.name}, mode 600"
        )
        yield warn(f"provider {found.provider}", found.reason, fix)
    ready = [name for name, provider in rules.providers.items() if name not in missing and provider.kind != "simulator"]
    yield from upstreams(rules, ready)


def _rules(path: Path, loaded: Loaded) -> Finding:
    errors = sum(found.severity == "error" for found in loaded.diagnostics)
    if errors:
        return fail("rules", f"{path}, errors: {errors}", f"./run.sh check {path}")
    if loaded.diagnostics:
        return warn("rules", f"{path} is valid, warnings: {len(loaded.diagnostics)}", f"./run.sh check {path}")
    return ok("rules", f"{path} is valid")


def _keys(usable: int, all_keys: int) -> Finding:
    if usable:
        return ok("keys", f"{usable} of {all_keys} keys can be used")
    return warn("keys", "no key can be used on the gateway", "./run.sh keys new NAME (the first start makes one)")


def _log(data: Path) -> Finding:
    try:
        return ok("log", f"{len(read_sessions(data))} sessions can be read")
    except Failure as failure:
        return fail("log", failure.message, failure.fix)


def _show(finding: Finding) -> None:
    mark, style = _MARKS[finding.state]
    out().print(Text.assemble((f"{mark} ", style), (f"{plain(finding.check):<20} ", "bold"), plain(finding.text)), soft_wrap=True)
    if finding.fix and finding.state != "ok":
        out().print(Text.assemble(" " * 23, ("fix: ", "bold"), plain(finding.fix)), soft_wrap=True)
