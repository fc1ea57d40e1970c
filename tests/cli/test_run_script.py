"""run.sh itself: from any folder, through a symbolic link, and without installing anything when nothing changed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from commandline import ROOT
from commandline import clean_environment

PIP = """\
#!/bin/sh
case "$*" in
    *pip*install*) echo "$@" >> "$(dirname "$0")/installs";;
    *) exec {python} "$@";;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files run.sh needs, with an environment whose Python only notes what pip is asked to install."""
    root = tmp_path / "check out"
    (root / ".venv" / "bin").mkdir(parents=True)
    (root / "cli").mkdir()
    (root / "cli" / "__init__.py").touch()
    (root / "cli" / "__main__.py").write_text("import os, sys\nprint('cli', *sys.argv[1:])\nprint(os.getcwd())\n")
    for name in ("run.sh", "requirements.txt", "requirements-test.txt"):
        shutil.copy(ROOT / name, root / name)
    python = root / ".venv" / "bin" / "python"
    python.write_text(PIP.format(python=f'env PYTHONPATH="{root}" {sys.executable}'))
    python.chmod(0o755)
    (root / ".venv" / "root").write_text(f"{root}\n")
    return root


def run(script: Path, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = clean_environment()
    environment.pop("PYTHONPATH")
    return subprocess.run([script, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


def installs(root: Path) -> list[str]:
    noted = root / ".venv" / "bin" / "installs"
    return noted.read_text().splitlines() if noted.exists() else []


def test_the_lock_is_installed_once(checkout: Path, tmp_path: Path) -> None:
    for _ in range(3):
        done = run(checkout / "run.sh", "check", "a b", folder=tmp_path)
        assert (done.returncode, done.stdout) == (0, f"cli check a b\n{tmp_path}\n"), done.stderr
    [install] = installs(checkout)
    assert "--require-hashes" in install
    assert install.endswith(str(checkout / "requirements.txt"))


def test_a_changed_lock_is_installed_again(checkout: Path, tmp_path: Path) -> None:
    run(checkout / "run.sh", folder=tmp_path)
    (checkout / "requirements.txt").write_text("")
    assert run(checkout / "run.sh", folder=tmp_path).returncode == 0
    assert len(installs(checkout)) == 2


def test_through_a_link(checkout: Path, tmp_path: Path) -> None:
    link = tmp_path / "voicetap"
    link.symlink_to(checkout / "run.sh")
    assert run(link, "doctor", folder=tmp_path).stdout.startswith("cli doctor\n")


def test_what_stands_in_the_current_folder_is_not_run(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "cli").mkdir()
    (tmp_path / "cli" / "__init__.py").touch()
    (tmp_path / "cli" / "__main__.py").write_text("print('hijacked')\n")
    (tmp_path / "json.py").write_text("print('hijacked')\n")
    assert run(checkout / "run.sh", folder=tmp_path).stdout.startswith("cli\n")


def test_no_python_that_fits(checkout: Path, tmp_path: Path) -> None:
    shutil.rmtree(checkout / ".venv")
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("dirname", "readlink", "cat", "printf", "sh", "env"):
        found = shutil.which(name)
        if found:
            (folder / name).symlink_to(found)
    old = folder / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = subprocess.run([checkout / "run.sh"], env={"PATH": str(folder)}, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Python 3.12 or 3.13 is needed" in done.stderr


TOOLS = ("dirname", "readlink", "cat", "cmp", "cp", "sh", "env", "id")


def bare(root: Path, **made: str) -> str:
    """A PATH with the tools that run.sh needs, the programs in `made`, and no browser; Node's packages are there."""
    folder = root / "bin"
    folder.mkdir()
    for name in TOOLS:
        found = shutil.which(name)
        assert found
        (folder / name).symlink_to(found)
    for name, text in made.items():
        (folder / name.replace("_", "-")).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name.replace("_", "-")).chmod(0o755)
    (root / "tests" / "node" / "node_modules").mkdir(parents=True)
    for name in ("package-lock.json", "node_modules/.installed"):
        (root / "tests" / "node" / name).write_text("{}")
    shutil.copy(ROOT / "tests" / "chromium.py", root / "tests")
    return str(folder)


def run_tests(root: Path, path: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([root / "run.sh", "test"], env={"PATH": path}, capture_output=True, text=True, timeout=60, check=False)


def test_a_browser_for_the_tests_is_installed_where_there_is_none(checkout: Path) -> None:
    path = bare(checkout, apt_get='echo "$@" >>"$(dirname "$0")/asked"', sudo='shift; "$@"')
    done = run_tests(checkout, path)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "cli test"), done.stderr
    asked = (Path(path) / "asked").read_text().splitlines()
    assert asked == ["update -qq", "install -y -qq --no-install-recommends chromium"]


@pytest.mark.parametrize("made", [{}, {"apt_get": "exit 100", "sudo": "exit 1"}], ids=["no apt-get", "apt-get fails"])
def test_no_browser_can_be_had(checkout: Path, made: dict[str, str]) -> None:
    done = run_tests(checkout, bare(checkout, **made))
    assert (done.returncode, done.stdout) == (1, "")
    assert "need Chromium or Chrome; install it" in done.stderr


def test_a_browser_that_is_there_is_used(checkout: Path) -> None:
    done = run_tests(checkout, bare(checkout, google_chrome=""))
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "cli test"), done.stderr
    assert "chromium" not in done.stderr


def test_the_real_one_starts_without_pip(tmp_path: Path) -> None:
    done = run(ROOT / "run.sh", "check", str(ROOT / "rules.yaml"), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "installing" not in done.stderr
