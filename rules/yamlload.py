"""YAML read strictly: a plain scalar is text, a decimal number, true, false or null, and nothing else is guessed.

The traps of YAML 1.1 are closed (`no`, `on`, `1:30`, `0600`, dates stay text), duplicate keys, aliases, tags, deep
nesting and large files are refused, and every value keeps its place in the file. All faults are reported together.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import Final

import yaml

from rules.diagnostics import Diagnostic
from rules.masking import masked_lines

MAX_BYTES: Final = 1 << 20
MAX_DEPTH: Final = 32

Path = tuple[str | int, ...]
Position = tuple[int, int]
"""Line and column, both from 0."""

_INT: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_FLOAT: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,18})?(?:[eE][-+]?[0-9]{1,2})?")
_WORDS: Final[dict[str, bool | None]] = {"true": True, "false": False, "null": None, "~": None, "": None}
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class Unreadable:
    """Stands where a value was refused, so that the rest of the file can still be checked."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value starts and ends; `key` is where its key starts (its own start for list items)."""

    key: Position
    start: Position
    end: Position


@dataclass(slots=True)
class Document:
    """A file as read: plain values, the place of each by its path, and what was wrong with it."""

    value: Any = None
    places: dict[Path, Place] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    unreadable: list[Path] = field(default_factory=list)
    """Where the value was refused; `Unreadable` stands there."""
    complete: bool = False
    """False where reading stopped early, so that `value` says nothing."""

    def report(self, code: str, message: str, at: Position, hint: str = "") -> None:
        self.diagnostics.append(Diagnostic(code, message, at[0] + 1, at[1] + 1, hint=hint))


class _TooDeep(Exception):
    def __init__(self, mark: Any) -> None:
        self.mark = mark


class _StrictLoader(yaml.SafeLoader):
    """Composes nodes only; notes anchors, aliases and tags instead of following them."""

    def __init__(self, text: str, document: Document) -> None:
        super().__init__(text)
        self.document = document
        self.depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        start: Any = event.start_mark
        at = _position(start)
        if isinstance(event, yaml.AliasEvent):
            self.get_event()  # type: ignore[no-untyped-call]
            self.document.report("VT003", "aliases are not followed here: write the value out", at)
            return yaml.ScalarNode("unreadable", "", start, start)
        if event.anchor is not None:
            self.document.report("VT003", "anchors are not used here", at)
            event.anchor = None
        if event.tag is not None:
            self.document.report("VT003", "tags such as !!str or !name are not used here", at, "put text in quotes instead")
            event.tag = None
        return self._compose_deeper(parent, index, event)

    def _compose_deeper(self, parent: yaml.Node | None, index: Any, event: Any) -> yaml.Node | None:
        self.depth += 1
        if self.depth > MAX_DEPTH and isinstance(event, yaml.CollectionStartEvent):
            raise _TooDeep(event.start_mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def read_yaml(text: str) -> Document:
    """Never raises: whatever is wrong is a diagnostic of the document."""
    document = Document()
    if len(text) > MAX_BYTES or len(text.encode(errors="replace")) > MAX_BYTES:
        document.report("VT003", f"the file is larger than {MAX_BYTES >> 20} MiB", (0, 0))
        return document
    document.lines = masked_lines(text)
    root = _compose(text, document)
    if document.complete:
        document.places[()] = Place((0, 0), (0, 0), (0, 0))
        document.value = None if root is None else _Reader(document).value(root, ())
    return document


def _compose(text: str, document: Document) -> yaml.Node | None:
    try:
        loader = _StrictLoader(text, document)
    except yaml.reader.ReaderError as error:
        document.report("VT001", "a control character or half of a surrogate pair", _at_index(text, int(error.position)))
        return None
    try:
        root: yaml.Node | None = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        at = _position(error.problem_mark or error.context_mark)
        document.report("VT001", _because(error), at, _syntax_hint(error))
    except _TooDeep as error:
        document.report("VT003", f"nested deeper than {MAX_DEPTH} levels", _position(error.mark))
    except (ValueError, yaml.YAMLError):
        document.report("VT001", "an escape that names no character", _position(loader.get_mark()))
    else:
        document.complete = True
        return root
    return None


class _Reader:
    """Turns nodes into plain values and notes their places."""

    def __init__(self, document: Document) -> None:
        self.document = document

    def value(self, node: yaml.Node, path: Path) -> Any:
        at = _position(node.start_mark)
        self.document.places.setdefault(path, Place(at, at, _position(node.end_mark)))
        match node:
            case yaml.MappingNode():
                return self._mapping(node, path)
            case yaml.SequenceNode():
                return [self.value(item, (*path, number)) for number, item in enumerate(node.value)]
        scalar = self._scalar(node)
        if scalar is Unreadable:
            self.document.unreadable.append(path)
        return scalar

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, value in node.value:
            at = _position(key.start_mark)
            if not isinstance(key, yaml.ScalarNode) or self._scalar(key) is Unreadable:
                self.document.report("VT001", "a key must be plain text", at)
                continue
            inner = (*path, key.value)
            if key.value in made:
                first = self.document.places[inner].key[0] + 1
                self.document.report("VT002", f"the key {key.value!r} stands twice; the first is on line {first}", at)
                continue
            self.document.places[inner] = Place(at, _position(value.start_mark), _position(value.end_mark))
            made[key.value] = self.value(value, inner)
        return made

    def _scalar(self, node: yaml.Node) -> Any:
        if node.tag == "unreadable":
            return Unreadable
        if _SURROGATE.search(node.value):
            self.document.report("VT001", "half of a surrogate pair is not a character", _position(node.start_mark))
            return Unreadable
        plain = isinstance(node, yaml.ScalarNode) and node.style is None
        return _plain(node.value) if plain else node.value


def _plain(text: str) -> str | int | float | bool | None:
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def _because(error: yaml.MarkedYAMLError) -> str:
    return ", ".join(part for part in (error.context, error.problem) if part)


def _syntax_hint(error: yaml.MarkedYAMLError) -> str:
    """The mistakes seen most in hand-written files."""
    problem = error.problem or ""
    if "'\\t'" in problem:
        return "indent with spaces, not tabs"
    if "mapping values are not allowed" in problem:
        return "text that contains ': ' needs quotes; or the line is indented too far"
    if "cannot start any token" in problem or "expected the node content" in problem:
        return "text that starts with one of @ ` % * & ! [ { needs quotes"
    return ""


def _position(mark: Any) -> Position:
    return (mark.line, mark.column) if mark is not None else (0, 0)


def _at_index(text: str, index: int) -> Position:
    before = masked_lines(text[:index])
    return len(before) - 1, len(before[-1])
