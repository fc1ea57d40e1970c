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


def test_the_real_one_starts_without_pip(tmp_path: Path) -> None:
    done = run(ROOT / "run.sh", "check", str(ROOT / "rules.yaml"), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "installing" not in done.stderr
