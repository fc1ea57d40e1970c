"""What `doctor` looks at on this machine: Python, packages, the data folder, disk room, the certificate authority."""

from __future__ import annotations

import re
import shutil
import stat
import sys
from collections.abc import Iterator
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version
from pathlib import Path
from typing import Final

from cli.finding import Finding
from cli.finding import fail
from cli.finding import ok
from cli.finding import warn
from cli.options import ROOT

_PINNED: Final = re.compile(r"^([A-Za-z0-9._-]+)==(\S+) \\$", re.MULTILINE)
_LITTLE: Final = 1 << 30
_TOO_LITTLE: Final = 100 << 20
_SOON: Final = timedelta(days=30)
_SHIPPED: Final = frozenset({".gitkeep", "rules.schema.json"})
CA_NAME: Final = "mitmproxy-ca-cert.pem"


def python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    if (3, 12) <= sys.version_info < (3, 14):
        return ok("python", f"Python {found}")
    return fail("python", f"Python {found}; 3.12 and 3.13 are supported", "rm -r .venv, install Python 3.13 and run ./run.sh again")


def packages(lock: Path = ROOT / "requirements.txt") -> Finding:
    """Packages that the lock pins on every platform, compared with what is installed."""
    pinned = dict(_PINNED.findall(lock.read_text()))
    other = [f"{name} {_installed(name) or 'missing'} instead of {wanted}" for name, wanted in pinned.items() if _installed(name) != wanted]
    if other:
        return warn("packages", "; ".join(other), "rm .venv/requirements.txt and run ./run.sh again")
    return ok("packages", f"{len(pinned)} packages as locked, mitmproxy {_installed('mitmproxy')}")


def data_folder(data: Path) -> Finding:
    """Whether anybody but the owner can enter the folder or read a file in it."""
    if not data.exists():
        return ok("data", f"{data} is made at the first start")
    mode = data.stat().st_mode
    if mode & 0o022:
        return fail("data", f"others may write to {data}", f"chmod 700 {data}")
    loose = [path for path in data.rglob("*") if _readable(path)] if mode & 0o055 else []
    if loose:
        return fail("data", f"others may read {len(loose)} files, such as {loose[0]}", f"chmod -R go-rwx {data}")
    return ok("data", f"{data}, mode {stat.S_IMODE(mode):o}")


def disk(data: Path) -> Finding:
    folder = next(path for path in (data, *data.absolute().parents) if path.exists())
    free = shutil.disk_usage(folder).free
    text = f"{free / (1 << 30):.1f} GiB free"
    if free < _TOO_LITTLE:
        return fail("disk", text, "make room: the log needs it, and on_error decides what happens without")
    return warn("disk", text, "make room, or shorten log.retention") if free < _LITTLE else ok("disk", text)


def authority(data: Path, now: datetime | None = None) -> Iterator[Finding]:
    """The local CA of the intercept door: its fingerprint, how long it is valid, who can read its key."""
    from cryptography import x509  # slow to import, and only needed here
    from cryptography.hazmat.primitives.hashes import SHA256

    path = data / "ca" / CA_NAME
    if not path.exists():
        yield warn("ca", "no certificate authority yet", "./run.sh start makes one")
        return
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    ends = certificate.not_valid_after_utc
    text = f"SHA-256 {certificate.fingerprint(SHA256()).hex(':').upper()}, until {ends:%Y-%m-%d}"
    left = ends - (now or datetime.now(UTC))
    if left < timedelta():
        yield fail("ca", text, f"rm -r {data / 'ca'} and start again; clients must trust the new one")
    else:
        yield warn("ca", text, f"rm -r {data / 'ca'} soon; clients must trust the new one") if left < _SOON else ok("ca", text)
    loose = [key for key in path.parent.glob("mitmproxy-ca.*") if key.stat().st_mode & 0o077]
    if loose:
        yield fail("ca key", f"others may read {loose[0]}", f"chmod 600 {' '.join(map(str, loose))}")


def _readable(path: Path) -> bool:
    """Whether others may read a file that this program wrote."""
    return path.is_file() and not path.is_symlink() and bool(path.stat().st_mode & 0o077) and path.name not in _SHIPPED


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
