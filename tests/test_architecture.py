"""The shape of the tree: imports point downwards, the core does no I/O, files stay small, reading the log stays quick to start."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

LAYERS = ("realtime", "providers", "rules", "store", "addons", "web", "cli")
"""From the bottom up; a package imports those before it."""

BESIDE = {"sidecar": {"realtime"}, "simulator": {"realtime"}, "bench": {"realtime", "store"}}
"""What stands beside the layers, and the layers that it imports."""

USERS_OF_SIMULATOR = {"addons", "cli"}

CORE = ("realtime", "providers", "rules")
"""No mitmproxy, no event loop, no clock, no disk, no network, no randomness."""

PURE = {
    *("__future__", "abc", "base64", "binascii", "bisect", "collections", "contextlib", "dataclasses", "decimal", "difflib", "enum"),
    *(
        "fnmatch",
        "functools",
        "hashlib",
        "heapq",
        "hmac",
        "ipaddress",
        "itertools",
        "json",
        "math",
        "operator",
        "re",
        "statistics",
        "string",
    ),
    *("struct", "types", "typing", "unicodedata", "urllib.parse"),
    "datetime",  # its types; reading the clock with them is found by name below
    *("genai_prices.data", "genai_prices.types"),  # tables; the part of the package that fetches is not imported
    *("msgspec", "pydantic", "pydantic_core", "re2", "yaml", "websockets.speedups", "websockets.utils"),  # parsers and the mask of frames
    "stdnum",  # check digits; reads its own table of account numbers when stdnum.iban is imported, and nothing after that
}

EXCEPTIONS = {
    ("realtime/tunnel.py", "os"): "masks of our own frames have to be unpredictable (RFC 6455, 10.3): os.urandom",
    ("realtime/leg.py", "os"): "the same",
    ("realtime/pricelist.py", "importlib.metadata"): "the version of the price table, once at import",
    ("rules/files.py", "os"): "reads a secret's file and checks who may read it",
    ("rules/files.py", "stat"): "reads a secret's file and checks who may read it",
    ("rules/files.py", "pathlib"): "reads a secret's file and checks who may read it",
    ("rules/load.py", "pathlib"): "names the file that rules/files.py then reads; all else takes its text",
    ("rules/schema.py", "sys"): "its command, which writes the schema to standard output",
}

CLOCKS = {"now", "utcnow", "today", "monotonic", "perf_counter"}
FILES = {"open", "fdopen", "read_text", "read_bytes", "write_text", "write_bytes"}
MOST_LINES = 400
PACKAGES = (*LAYERS, *BESIDE)


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, also inside functions and for type checking alone."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}:{node.lineno} imports relatively"
            yield node.module or ""


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_point_downwards(package: str) -> None:
    below = set(LAYERS[: LAYERS.index(package)]) if package in LAYERS else BESIDE[package]
    allowed = {package, *below} | ({"simulator"} if package in USERS_OF_SIMULATOR else set())
    found = {(name_of(path), target) for path in modules(package) for target in imported(path)}
    ours = {(file, target) for file, target in found if target.partition(".")[0] in (*PACKAGES, "tests")}
    assert ours, "the package is there and was read"
    assert [one for one in sorted(ours) if one[1].partition(".")[0] not in allowed] == []


def test_the_core_does_no_io() -> None:
    used = {(name_of(path), target) for package in CORE for path in modules(package) for target in imported(path)}
    impure = {(file, target) for file, target in used if target.partition(".")[0] not in CORE and not _is_pure(target)}
    assert sorted(impure - EXCEPTIONS.keys()) == []
    assert sorted(EXCEPTIONS.keys() - impure) == [], "exceptions that nobody needs any more"


def _is_pure(target: str) -> bool:
    """A module on the list, or one inside a package on it."""
    parts = target.split(".")
    return any(".".join(parts[:length]) in PURE for length in range(1, len(parts) + 1))


def test_the_core_reads_no_clock_and_files_in_one_place_alone() -> None:
    calls = [
        (name_of(path), called)
        for package in CORE
        for path in modules(package)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and (called := _called(node.func)) in (*CLOCKS, *FILES)
    ]
    assert {file for file, _ in calls} == {"rules/files.py"}
    assert {called for _, called in calls} <= FILES


def _called(function: ast.expr) -> str:
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


@pytest.mark.parametrize("package", (*PACKAGES, "tests"))
def test_no_file_is_long(package: str) -> None:
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in modules(package) if "node_modules" not in path.parts}
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_says_what_it_is(package: str) -> None:
    assert [name_of(path) for path in modules(package) if not ast.get_docstring(tree_of(path))] == []


@pytest.mark.parametrize("package", [*CORE, "store", "addons"])
def test_every_public_function_and_class_says_what_it_is(package: str) -> None:
    """Those of modules; a method may speak through its name and its class."""
    defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    silent = [
        f"{name_of(path)}: {node.name}"
        for path in modules(package)
        for node in tree_of(path).body
        if isinstance(node, defined) and not node.name.startswith("_") and not ast.get_docstring(node)
    ]
    assert silent == []


READING = (
    ["sessions"],
    ["show", "ses_0"],
    ["events", "ses_0"],
    ["tail", "--json"],
    ["top", "--once"],
    ["usage", "--json"],
    ["keys", "list"],
    ["--help"],
)


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_commands_that_only_read_start_without_the_proxy(words: list[str], tmp_path: Path) -> None:
    """mitmproxy, price tables and provider clients take seconds to import."""
    heavy = ("mitmproxy", "genai_prices", "openai", "uvicorn", "starlette")
    script = f"""
import sys
from cli.__main__ import app
try:
    app({words!r})
except BaseException as ended:
    print(type(ended).__name__, file=sys.stderr)
print([name for name in {heavy!r} if name in sys.modules])
"""
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "VOICETAP_DATA": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stderr
