"""TLS for a replay, with a certificate that the local CA of the data folder makes: for clients that speak nothing else."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER
from ssl import SSLContext
from tempfile import TemporaryDirectory
from typing import Final

from cli.doctor_machine import CA_NAME
from cli.errors import Failure

_BASENAME: Final = "mitmproxy"
_KEY_SIZE: Final = 2048
_NAMES: Final = ("localhost",)
_ADDRESS: Final = "127.0.0.1"


def ca_of(data: Path) -> Path:
    """The certificate that clients have to trust."""
    return data / "ca" / CA_NAME


def tls_context(data: Path) -> SSLContext:
    """What a server on loopback needs. Raises Failure VT102 where there is no CA."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.hazmat.primitives.serialization import NoEncryption
    from cryptography.hazmat.primitives.serialization import PrivateFormat
    from mitmproxy.certs import CertStore

    if not ca_of(data).exists():
        raise Failure("VT102", f"{data} has no local CA yet", "the proxy makes one when it is started")
    store = CertStore.from_store(ca_of(data).parent, _BASENAME, _KEY_SIZE)
    names = [x509.IPAddress(ip_address(_ADDRESS)), *map(x509.DNSName, _NAMES)]
    made = store.get_cert(_ADDRESS, names)
    key = made.privatekey.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    context = SSLContext(PROTOCOL_TLS_SERVER)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "server.pem"
        file.touch(0o600)
        file.write_bytes(key + made.cert.to_pem())
        context.load_cert_chain(file)
    return context
