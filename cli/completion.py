"""Shell completion: the script for each shell, and the words that are known only here (sessions, keys, routes, models)."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Final
from typing import get_args

import typer

from cli.errors import Failure
from cli.keystore import open_state
from cli.keystore import stored_ids
from cli.operating import standing
from cli.options import DATA
from cli.options import ROOT
from cli.options import RULES
from cli.plain import plain
from cli.records import read_sessions
from cli.rulesfile import read_rules
from rules.model import Rules
from store.export.native import Action
from store.export.native import Kind
from store.export.native import Mode
from store.export.native import Severity
from store.filters import FINDING
from store.filters import MESSAGE
from store.tokens import Tokens

VARIABLE: Final = "_VOICETAP_COMPLETE"
"""The variable by which the scripts ask for completions instead of running a command (Typer's protocol)."""


class Shell(StrEnum):
    bash = "bash"
    zsh = "zsh"
    fish = "fish"


_SCRIPTS: Final = {
    Shell.bash: """\
_voicetap() {
    local IFS=$'\\n'
    COMPREPLY=($(env COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD="$COMP_CWORD" %(variable)s=complete_bash %(program)s))
}
complete -o default -F _voicetap run.sh
""",
    Shell.zsh: """\
_voicetap() { eval "$(env _TYPER_COMPLETE_ARGS="${words[1,$CURRENT]}" %(variable)s=complete_zsh %(program)s)" }
compdef _voicetap run.sh
""",
    Shell.fish: """\
function __voicetap; env %(variable)s=complete_fish _TYPER_COMPLETE_FISH_ACTION=$argv[1] \\
    _TYPER_COMPLETE_ARGS=(commandline -cp) %(program)s; end
complete --command run.sh --no-files --arguments '(__voicetap get-args)' --condition '__voicetap is-args'
""",
}


def completion(shell: Shell) -> None:
    """Print the completion script of a shell, for example `eval "$(./run.sh completion bash)"` in ~/.bashrc."""
    typer.echo(_SCRIPTS[shell] % {"variable": VARIABLE, "program": shlex.quote(str(ROOT / "run.sh"))}, nl=False)


def complete_session(context: typer.Context, incomplete: str) -> list[str]:
    """Ids of the newest sessions of the log."""
    try:
        return _begin(incomplete, (record["id"] for record in read_sessions(_data(context), 100)))
    except Failure:
        return []


def complete_key(context: typer.Context, incomplete: str) -> list[str]:
    """Ids of the keys in the data folder that are not revoked."""
    try:
        return _begin(incomplete, stored_ids(_data(context)))
    except Failure:
        return []


def complete_token(context: typer.Context, incomplete: str) -> list[str]:
    """Ids of the ephemeral keys that are not revoked."""
    try:
        with open_state(_data(context)) as state:
            return _begin(incomplete, (token.id for token in Tokens(state).all() if not token.revoked))
    except Failure:
        return []


def complete_route(context: typer.Context, incomplete: str) -> list[str]:
    """Names of the routes in the rules."""
    rules = _rules(context)
    return _begin(incomplete, (route.name for route in rules.routes) if rules else ())


def complete_provider(context: typer.Context, incomplete: str) -> list[str]:
    """`provider/model` for every model that the rules name, `provider/` where they name none."""
    rules = _rules(context)
    providers = rules.providers.items() if rules else ()
    return _begin(incomplete, (f"{name}/{model}" for name, provider in providers for model in provider.models or ("",)))


_WORDS: Final = {name: get_args(words) for name, words in (("kind", Kind), ("severity", Severity), ("action", Action), ("mode", Mode))}
"""The conditions on findings whose values are known."""


def complete_finding(context: typer.Context, incomplete: str) -> list[str]:
    """Conditions on findings: their names, and the values of those that have few. Bash takes `=` for a word of its own."""
    given: list[str] = ["", "", *(context.params.get("condition") or ())]
    named = given[-2] if given[-1] == "=" else given[-1] if given[-2] != "=" else ""
    if "=" not in incomplete and named in FINDING:
        return _begin(incomplete, _WORDS.get(named, ()))
    name, equals, value = incomplete.partition("=")
    if equals:
        return [f"{name}={word}" for word in _begin(value, _WORDS.get(name, ()))]
    return _begin(name, (f"{known}=" for known in FINDING))


_ASKED: Final = {"from": ("client", "server")}


def complete_condition(context: typer.Context, incomplete: str) -> list[str]:
    """Conditions on messages that are about to cross."""
    name, equals, value = incomplete.partition("=")
    if equals:
        return [f"{name}={word}" for word in _begin(value, _ASKED.get(name, ()))]
    return _begin(name, (f"{known}=" for known in MESSAGE))


def complete_breakpoint(context: typer.Context, incomplete: str) -> list[str]:
    """Ids of the breakpoints of the running proxy."""
    return _standing(context, incomplete, "breakpoints")


def complete_paused(context: typer.Context, incomplete: str) -> list[str]:
    """Ids of the messages that are paused."""
    return _standing(context, incomplete, "paused")


def _standing(context: typer.Context, incomplete: str, what: str) -> list[str]:
    try:
        return _begin(incomplete, (one["id"] for one in standing(_data(context))[what]))
    except Failure:
        return []


def _data(context: typer.Context) -> Path:
    return Path(context.params.get("data") or os.environ.get("VOICETAP_DATA") or DATA)


def _rules(context: typer.Context) -> Rules | None:
    return read_rules(Path(context.params.get("rules") or os.environ.get("VOICETAP_RULES") or RULES)).rules


def _begin(incomplete: str, words: Iterable[str]) -> list[str]:
    return [word for word in map(plain, words) if word.startswith(incomplete)]
