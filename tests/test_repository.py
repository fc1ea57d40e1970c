"""What is in the repository: no trace of a machine, and documents whose links, files and commands hold."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from cli.__main__ import app

ROOT = Path(__file__).parents[1]

TOP = {
    *("addons", "bench", "cli", "data", "docs", "providers", "realtime", "rules", "sidecar", "simulator", "store", "tests", "web"),
    *("README.md", "LICENSE", "pyproject.toml", "requirements.txt", "requirements-test.txt", "rules.yaml", "run.sh"),
    *(".ci", ".gitignore", ".python-version"),
}

MACHINE = re.compile(
    r"(?:py[t]honhosted|py[p]i[.]o|np[m]js[.]|y[a]rnpkg[.]|arti[f]actory|/sim[p]le/)"
    r"|(?<![\w.~$}])/(?:root|work|workspace|builds)/"
    r"|(?<![\w.~$}])/(?:home|Users)/(?!you/|me/|user/)\w"
)
"""Registry hosts and folders of somebody's machine."""

MODELINE = re.compile(r"# yaml-language-server: \$schema=(\S+)")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PATH_IN_CODE = re.compile(r"`((?:addons|bench|cli|data|docs|providers|realtime|rules|simulator|store|tests|web)/[\w./-]*)`")
COMMAND = re.compile(r"\./run\.sh((?: +[^\s`|#;&)]+)*)")


@cache
def tracked() -> tuple[str, ...]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return tuple(name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file())


@cache
def documents() -> tuple[Path, ...]:
    return tuple(ROOT / name for name in tracked() if name.endswith(".md"))


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_every_top_level_name_is_one_of_the_known() -> None:
    assert {name.partition("/")[0] for name in tracked()} - TOP == set()


def test_no_file_names_a_registry_or_a_machine() -> None:
    found = [
        f"{name}:{number}: {hit[0]}"
        for name in tracked()
        if name != shown(Path(__file__))
        for number, line in enumerate((ROOT / name).read_text(errors="replace").splitlines(), 1)
        if (hit := MACHINE.search(line)) or (str(ROOT) + "/" in line and (hit := re.search(re.escape(str(ROOT)), line)))
    ]
    assert found == []


def test_names_of_test_modules_are_unique() -> None:
    """Without packages pytest knows a module by its name alone."""
    names = Counter(Path(name).name for name in tracked() if name.startswith("tests/") and name.endswith(".py"))
    assert [name for name, count in names.items() if count > 1 and name != "conftest.py"] == []


@pytest.mark.parametrize("name", [name for name in tracked() if re.fullmatch(r"rules\.yaml|docs/examples/.*\.yaml", name)])
def test_rules_files_start_with_the_schema_for_editors(name: str) -> None:
    first = (ROOT / name).read_text().partition("\n")[0]
    found = MODELINE.fullmatch(first)
    assert found is not None, first
    assert ((ROOT / name).parent / found[1]).resolve() == ROOT / "data" / "rules.schema.json"


@pytest.mark.parametrize("document", documents(), ids=shown)
def test_links_lead_somewhere(document: Path) -> None:
    targets = LINK.findall(_without_code(document.read_text()))
    assert [target for target in targets if "://" not in target and not _exists(document, target)] == []


@pytest.mark.parametrize("document", documents(), ids=shown)
def test_files_that_are_named_exist(document: Path) -> None:
    named = PATH_IN_CODE.findall(document.read_text())
    assert [path for path in named if not (ROOT / path).exists() and not _made_at_run_time(path)] == []


@pytest.mark.parametrize("document", documents(), ids=shown)
def test_commands_that_are_shown_exist(document: Path) -> None:
    wrong = [f"./run.sh{words}" for words in COMMAND.findall(document.read_text()) if not _is_command(words.split())]
    assert wrong == []


def test_the_readme_shows_the_five_commands_of_the_first_minutes() -> None:
    known = {words.split()[0] for words in COMMAND.findall((ROOT / "README.md").read_text()) if words.split()}
    assert known >= {"demo", "run", "sessions", "show", "test"}


def _exists(document: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    file = (document.parent / path).resolve() if path else document
    return file.exists() and (not anchor or anchor in _anchors(file))


@cache
def _anchors(document: Path) -> frozenset[str]:
    """The anchors of headings, as the usual renderers make them."""
    headings = re.findall(r"^#+ +(.+?) *$", _without_code(document.read_text()), flags=re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)


def _without_code(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def _made_at_run_time(path: str) -> bool:
    return path.startswith(("data/", "bench/out"))


def _is_command(words: list[str]) -> bool:
    """Whether `run.sh` or the command line has such a command with such options."""
    if words and words[0] in re.findall(r"^(\w+)\)", (ROOT / "run.sh").read_text(), re.MULTILINE):
        return True
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands") and words and re.fullmatch(r"[a-z]+", words[0]):
        found = command.commands.get(words[0])
        if found is None:
            return False
        command, words = found, words[1:]
    if command.ignore_unknown_options:
        return True
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    before = words[: words.index("--")] if "--" in words else words
    given = {word.strip("[],.").partition("=")[0] for word in before if word.strip("[").startswith("-")}
    return given <= options | {"--help", "-h"}
