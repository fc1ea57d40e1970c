"""A message as a person reads and writes it: JSON on many lines, nothing in it that could act on a terminal or an editor."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
import unicodedata
from base64 import b64encode
from pathlib import Path
from typing import Any
from typing import Final

from cli.errors import Failure

_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_LONG: Final = 400
"""Characters of one text that are shown."""
_EDITORS: Final = ("VISUAL", "EDITOR")


def shown(message: dict[str, Any]) -> str:
    """A paused message, with its content, for reading: long texts are cut."""
    if "data" in message:
        return f"{message['size']} bytes that are no text"
    try:
        return legible(_cut(json.loads(message["payload"])))
    except ValueError:
        return _escaped(message["payload"][:_LONG])


def legible(value: Any) -> str:
    """JSON on many lines; characters that are not seen are written as escapes."""
    return _escaped(json.dumps(value, ensure_ascii=False, indent=2))


def edited(message: dict[str, Any]) -> dict[str, str] | None:
    """What a person makes of a paused message in an editor, as the control port takes it; None for the message as it was.

    Raises Failure VT105 where it is no text, or the editor fails, and ValueError for what is no JSON where it was some.
    """
    if "data" in message:
        raise Failure("VT105", "this message is no text", "./run.sh break resume ID --file FILE puts the bytes of a file in its place")
    text = message["payload"]
    try:
        before = json.loads(text)
    except ValueError:
        after = _in_editor(text, ".txt")
        return None if after == text else {"payload": after}
    made = json.loads(_in_editor(legible(before) + "\n", ".json"))
    return None if made == before else {"payload": json.dumps(made, ensure_ascii=False, separators=(",", ":"))}


def read(file: str, *, binary: bool = False) -> dict[str, str]:
    """The content of a file, of standard input for `-`, as the control port takes it. Raises Failure VT105."""
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise Failure("VT105", f"{file} cannot be read: {error.strerror}", "name a file, or - for standard input") from None
    try:
        if not binary:
            return {"payload": content.decode()}
    except UnicodeDecodeError:
        pass
    return {"data": b64encode(content).decode()}


def _in_editor(text: str, ending: str) -> str:
    editor = next((os.environ[name] for name in _EDITORS if os.environ.get(name)), "vi")
    descriptor, name = tempfile.mkstemp(ending, "voicetap-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        try:
            code = subprocess.run([*shlex.split(editor), name], check=False).returncode
        except (OSError, ValueError) as error:
            raise Failure("VT105", f"the editor {editor!r} cannot be started: {error}", "set EDITOR") from None
        if code:
            raise Failure("VT105", f"the editor {editor!r} ended with {code}", "set EDITOR")
        return Path(name).read_text(encoding="utf-8")
    finally:
        Path(name).unlink(missing_ok=True)


def _cut(value: Any) -> Any:
    match value:
        case str() if len(value) > _LONG:
            return f"{value[:_LONG]}… ({len(value)} characters)"
        case dict():
            return {name: _cut(inner) for name, inner in value.items()}
        case list():
            return [_cut(inner) for inner in value]
    return value


def _escaped(text: str) -> str:
    return "".join(sign if sign == "\n" or unicodedata.category(sign) not in _UNSEEN else _escape(sign) for sign in text)


def _escape(sign: str) -> str:
    """As JSON writes it: two of them where one is not enough."""
    return json.dumps(sign)[1:-1]
