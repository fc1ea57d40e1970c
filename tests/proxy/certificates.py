"""Certificates for servers of tests, made on the spot, and a TLS context that shows them."""

from __future__ import annotations

import ssl
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


class Authority:
    """A certificate authority; `file` is its certificate, for those who shall trust it."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        made = self._made(self._name, self._key, DAY).add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
        usage = dict.fromkeys(("digital_signature", "key_cert_sign", "crl_sign"), True)
        others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only")
        made = made.add_extension(x509.KeyUsage(**usage, **dict.fromkeys(others, False)), critical=True)
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def self_issued(self) -> Path:
        """A PEM file with the authority's own key and certificate."""
        file = self._folder / f"self-{self.file.name}"
        file.write_bytes(_private(self._key) + self.file.read_bytes())
        return file

    def issued(self, host: str, valid: timedelta = DAY) -> Path:
        """A PEM file with a key and a certificate for `host`; a negative validity has passed."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName(host)])
        made = self._made(x509.Name([]), key, valid).add_extension(names, critical=True).sign(self._key, hashes.SHA256())
        file = self._folder / f"{host}-{valid.days}-{made.serial_number}.pem"
        file.write_bytes(_private(key) + made.public_bytes(serialization.Encoding.PEM))
        return file

    def _made(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, valid: timedelta) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(min(now, now + valid) - DAY)
            .not_valid_after(now + valid)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def server_context(file: Path) -> ssl.SSLContext:
    """What a server needs to show the certificate of the file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context
