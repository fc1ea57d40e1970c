"""docs/cli.md, made from the commands themselves: `python -m cli.reference > docs/cli.md`. A test holds the two together."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any
from typing import Final

import typer

from cli.__main__ import app
from cli.errors import KINDS

_HEAD: Final = """\
# The command line

`./run.sh COMMAND …` from any folder; without a command it starts the proxy. This page is made from the commands' own help
(`python -m cli.reference > docs/cli.md`).

Text is for people: coloured on a terminal, plain when piped or when `NO_COLOR` is set. Commands that read take `--json`; JSON goes to
standard output and is meant for programs. Progress and messages go to standard error. Everything that came over the wire is stripped
of control characters, escape sequences and bidirectional overrides before it is printed.

Shell completion, with session ids, key ids and the names in the rules: `eval "$(./run.sh completion bash)"` in `~/.bashrc`
(`zsh` and `fish` likewise).

## Exit codes

| code | meaning |
|---|---|
| 0 | done, and everything that was checked is fine |
| 1 | failed, or something that was checked is not fine |
| 2 | bad input: an unknown option, a value that cannot be used, rules with errors |
| other | `run` only: the exit code of the child, 128 + n when signal n ended it |

## Errors

An error names its code, what was seen and what to do. The `VT0…` codes are those of the rules.

| code | exit | meaning |
|---|---|---|
"""


def render() -> str:
    """The whole page."""
    group: Any = typer.main.get_command(app)
    errors = (f"| {code} | {kind.exit_code} | {kind.meaning} |\n" for code, kind in KINDS.items())
    sections = (_section(name, command) for name, command in _commands(group))
    return _HEAD + "".join(errors) + "\n## Commands\n\n" + "\n".join(sections)


def _commands(group: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        full = f"{prefix}{name}"
        if hasattr(command, "commands"):
            if command.invoke_without_command:
                yield full, command
            yield from _commands(command, f"{full} ")
        else:
            yield full, command


def _section(name: str, command: Any) -> str:
    shown = [parameter for parameter in command.params if not getattr(parameter, "hidden", False)]
    usage = " ".join(["./run.sh", name, *(_placeholder(parameter) for parameter in shown)])
    rows = "".join(f"| {_name(parameter)} | {_help(parameter)} |\n" for parameter in shown if parameter.help)
    table = f"\n| | |\n|---|---|\n{rows}" if rows else ""
    return f"### {name}\n\n```\n{usage}\n```\n\n{(command.help or '').strip()}\n{table}"


def _placeholder(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        word = parameter.metavar or parameter.name.upper() + ("..." if parameter.nargs == -1 else "")
    else:
        word = " ".join(filter(None, (max(parameter.opts, key=len), _value(parameter))))
    return word if parameter.required else f"[{word}]"


def _name(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{parameter.metavar or parameter.name.upper()}`"
    return f"`{' '.join(filter(None, (', '.join(parameter.opts), _value(parameter))))}`"


def _value(parameter: Any) -> str:
    return "" if parameter.is_flag else parameter.metavar or parameter.name.upper()


def _help(parameter: Any) -> str:
    notes = []
    if isinstance(parameter.show_default, str):
        notes.append(f"default: {parameter.show_default}")
    elif isinstance(parameter.default, int | float | str) and not isinstance(parameter.default, bool):
        notes.append(f"default: {parameter.default}")
    if parameter.envvar:
        notes.append(f"environment: `{parameter.envvar}`")
    return " ".join([parameter.help.replace("|", "\\|"), *([f"({'; '.join(notes)})"] if notes else [])])


if __name__ == "__main__":
    sys.stdout.write(render())
