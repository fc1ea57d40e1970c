"""Seals: signed statements of how far a day of the log had come, so that its end cannot be cut off unnoticed either.

    {"file":"2026-11-21.jsonl","chain":"<id>","seq":17,"head":"<64 hex>","at":"…Z","key":"<id of the key>","sig":"<base64>"}

`sig` is the Ed25519 signature of the line up to it, closed by a brace. The key is `<data>/seal.key`, its public half
`<data>/seal.pub`, both PEM; the id of a key is the beginning of the SHA-256 of its 32 public bytes.
"""

from __future__ import annotations

import hashlib
import os
from base64 import b64decode
from base64 import b64encode
from binascii import Error
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization import NoEncryption
from cryptography.hazmat.primitives.serialization import PrivateFormat
from cryptography.hazmat.primitives.serialization import PublicFormat
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from store.chain import Head
from store.files import open_anew
from store.files import open_reading
from store.files import sync_folder
from store.files import write_all
from store.lines import decoded

KEY: Final = "seal.key"
PUBLIC: Final = "seal.pub"
SUFFIX: Final = ".seals"
"""Of the file beside a day's own."""

_ID: Final = 16
_LARGEST: Final = 16 << 10
_SIGNATURE: Final = b',"sig":"'


class Seal(msgspec.Struct):
    """What a seal says."""

    file: str
    chain: str
    seq: int
    head: str
    at: str
    key: str
    sig: str = ""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Seal).decode


class BadSeal(ValueError):
    """A line that is no seal, or whose signature does not fit."""


class SealKey:
    """The private half. Raises OSError, and ValueError for a file that holds no such key."""

    def __init__(self, data: Path) -> None:
        self._key = _kept(data) or _made(data)
        self.id = id_of(self._key.public_key())
        _keep(data / PUBLIC, self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

    def seal(self, file: str, head: Head, at: str) -> bytes:
        """The line that seals a file at a head, with its line end."""
        said = _encode(Seal(file, head.chain, head.seq, head.digest, at, self.id)).removesuffix(b',"sig":""}')
        signature = b64encode(self._key.sign(said + b"}"))
        return said + _SIGNATURE + signature + b'"}\n'


def checked(line: bytes, keys: dict[str, Ed25519PublicKey]) -> Seal:
    """What a line seals. Raises BadSeal."""
    try:
        seal = decoded(_decode, line)
        signature = b64decode(seal.sig, validate=True)
    except (msgspec.DecodeError, Error):
        raise BadSeal("it cannot be read") from None
    if seal.key not in keys:
        raise BadSeal(f"it was made with the key {seal.key[:_ID]}, which is not {' or '.join(keys) or 'known'}")
    try:
        keys[seal.key].verify(signature, line.rpartition(_SIGNATURE)[0] + b"}")
    except InvalidSignature:
        raise BadSeal("its signature does not fit") from None
    return seal


def read_public(path: Path) -> dict[str, Ed25519PublicKey]:
    """The key in a PEM file, by its id. Raises OSError, ValueError."""
    key = load_pem_public_key(_read(path))
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError(f"{path} holds no Ed25519 key")
    return {id_of(key): key}


def id_of(key: Ed25519PublicKey) -> str:
    """By which a key is known."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:_ID]


def _kept(data: Path) -> Ed25519PrivateKey | None:
    try:
        text = _read(data / KEY)
    except FileNotFoundError:
        return None
    key = load_pem_private_key(text, None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"{data / KEY} holds no Ed25519 key")
    return key


def _made(data: Path) -> Ed25519PrivateKey:
    key = Ed25519PrivateKey.generate()
    _keep(data / KEY, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return key


def _keep(path: Path, text: bytes) -> None:
    """Write a file in one step, unless it says this already."""
    if path.exists(follow_symlinks=False) and _read(path) == text:
        return
    beside = path.with_name(f"{path.name}.new")
    descriptor = open_anew(beside)
    try:
        write_all(descriptor, text)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    beside.rename(path)
    sync_folder(path.parent)


def _read(path: Path) -> bytes:
    descriptor = open_reading(path)
    try:
        return os.read(descriptor, _LARGEST)
    finally:
        os.close(descriptor)
