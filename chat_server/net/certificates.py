"""The certificate of a server: its own, made at the first start, or one from an authority.

Errors are one line each: they name the file and the cure.
"""

from __future__ import annotations

import os
import secrets
import socket
import ssl
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final

from chat_server.escape import one_line
from chat_server.files import sync_folder
from chat_server.wire import key_fingerprint

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import GeneralName

SELF_SIGNED_CERTIFICATE: Final = "tls-cert.pem"
SELF_SIGNED_KEY: Final = "tls-key.pem"
"""What the server makes for itself in its state folder, where no other certificate is named."""

_VALIDITY: Final = timedelta(days=3650)
"""Of an own certificate. Clients hold on to its key, not to its dates."""

_CLOCK_SKEW: Final = timedelta(days=1)
"""It begins to be good so long ago: other clocks are wrong, too."""


class CertificateError(Exception):
    """The certificate or its key can't be used. The text is one line: the file, why, the cure."""


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """A certificate in use, read once: what is read again makes a new one."""

    context: ssl.SSLContext
    """With it connections are made; never changed, for that would be a race with them."""
    fingerprint: str
    """Of the key, as clients show it."""
    path: Path
    key: Path
    key_mode: int
    """Who may read the key, or write it: the permission bits of its file."""
    not_before: datetime
    not_after: datetime

    @property
    def has_expired(self) -> bool:
        """Whether clients that look at the dates refuse it by now."""
        return self.not_after <= datetime.now(UTC)

    @property
    def key_is_exposed(self) -> bool:
        """Whether others than its owner may read or write the key."""
        return bool(self.key_mode & (stat.S_IRWXG | stat.S_IRWXO))


class MissingFiles(Enum):
    """What a server has still to make for itself."""

    NOTHING = auto()
    CERTIFICATE = auto()
    """There is none, or it has expired; the key is there."""
    BOTH = auto()


def load_certificate(certificate: Path, key: Path) -> ServerCertificate:
    """Read a certificate (with its chain) and its key, both PEM. Raises `CertificateError`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Of TLS 1.2, what TLS 1.3 has as well: keys of their own for each connection, and no CBC.
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    # Clients do not resume sessions; a ticket is one thing more that can be stolen. What remains is
    # OpenSSL's own memory of TLS 1.2, by session id, which Python can't switch off: at most 20,480
    # sessions, some 28 MB, each for two hours and as long as this context.
    context.num_tickets = 0
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
    _check_readable(certificate)
    key_mode = _check_readable(key)
    try:
        # Without a password given here, OpenSSL would ask for one at the terminal.
        context.load_cert_chain(certificate, key, password=lambda: "")
    except ssl.SSLError as error:
        raise CertificateError(_describe_load_failure(certificate, key, error)) from None
    except (OSError, ValueError) as error:
        raise CertificateError(f"{_format_path(key)}: {one_line(str(error))}") from None
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        first = x509.load_pem_x509_certificate(certificate.read_bytes())
        fingerprint = key_fingerprint(first.public_bytes(Encoding.DER))
    except (OSError, ValueError) as error:
        raise CertificateError(f"{_format_path(certificate)}: {one_line(str(error))}") from None
    return ServerCertificate(
        context,
        fingerprint,
        certificate,
        key,
        key_mode,
        first.not_valid_before_utc,
        first.not_valid_after_utc,
    )


def self_signed_certificate(folder: Path, host: str) -> ServerCertificate:
    """The certificate that the server makes for itself, in `folder`; made where there is none.

    The key is what clients know the server by: it is made once, and a certificate that is missing
    or has expired is made anew for the same key. `host`: the address that is listened on.
    Raises `CertificateError`. Main thread; blocks for a moment.
    """
    certificate, key = folder / SELF_SIGNED_CERTIFICATE, folder / SELF_SIGNED_KEY
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        missing = missing_files(folder)
        if missing is MissingFiles.BOTH:
            _make_key(key)
        if missing is not MissingFiles.NOTHING:
            _make_certificate(certificate, key, host)
        return load_certificate(certificate, key)
    except OSError as error:
        raise _not_writable_error(folder, error) from None


def missing_files(folder: Path) -> MissingFiles:
    """What `self_signed_certificate` would make in `folder`; looks and makes nothing.

    Raises `CertificateError` where what is there is not to be used or replaced.
    """
    certificate, key = folder / SELF_SIGNED_CERTIFICATE, folder / SELF_SIGNED_KEY
    try:
        # In this order: another start that comes in between makes the key first.
        is_certified = certificate.exists()
        if not key.exists():
            if is_certified or key.is_symlink():
                raise CertificateError(
                    f"{_format_path(key)}: the key is gone; restore it from a backup, or move"
                    " what is"
                    f" left in {_format_path(folder)} away (clients will then be warned that the"
                    " key has"
                    " changed)"
                )
            return MissingFiles.BOTH
        if is_certified and not load_certificate(certificate, key).has_expired:
            return MissingFiles.NOTHING
        _read_key(key)
    except OSError as error:
        raise _not_writable_error(folder, error) from None
    return MissingFiles.CERTIFICATE


def _not_writable_error(folder: Path, error: OSError) -> CertificateError:
    where = error.filename or folder
    return CertificateError(
        f"{_format_path(Path(str(where)))}: {error.strerror or error}; name a folder that can be"
        " written with --state, or a certificate with --tls-cert and --tls-key"
    )


def _make_key(path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    key = ec.generate_private_key(ec.SECP256R1())
    data = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    draft = _write_temporary(path, data, 0o600)
    try:
        # Unlike a rename it never replaces a key that another start has made meanwhile.
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
    sync_folder(path.parent)


def _make_certificate(path: Path, key_path: Path, host: str) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding

    key = _read_key(key_path)
    now = datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "Lobby chat server")])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + _VALIDITY)
        .add_extension(
            x509.SubjectAlternativeName(list(_subject_alternative_names(host))), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    os.replace(_write_temporary(path, built.public_bytes(Encoding.PEM), 0o644), path)
    sync_folder(path.parent)


def _read_key(path: Path) -> EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    _check_readable(path)
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, EllipticCurvePrivateKey):
        raise CertificateError(
            f"{_format_path(path)}: is no key that this server made; restore it from a backup, or"
            " move it away (clients will then be warned that the key has changed)"
        )
    return key


def _subject_alternative_names(host: str) -> Iterator[GeneralName]:
    """Under which names and addresses this machine may be reached, as far as it knows."""
    from cryptography import x509

    names = dict.fromkeys(["localhost", socket.gethostname()])
    addresses = dict.fromkeys(["127.0.0.1", "::1"])
    for candidate in (host, *_own_addresses()):
        try:
            address = ip_address(candidate)
        except ValueError:
            names[candidate] = None
        else:
            if not address.is_unspecified:
                addresses[str(address)] = None
    for name in names:
        with suppress(ValueError):  # a host may be called what can be no name in a certificate
            if name:
                yield x509.DNSName(name)
    for text in addresses:
        yield x509.IPAddress(ip_address(text))


def _own_addresses() -> list[str]:
    try:
        found = socket.getaddrinfo(socket.gethostname(), None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return [str(address[0]).partition("%")[0] for *_, address in found]


def _write_temporary(path: Path, data: bytes, mode: int) -> Path:
    """Write `data` into a new file beside `path`, down to the disk, and return its path."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with open(file, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(file)
    except BaseException:
        draft.unlink()
        raise
    return draft


def _check_readable(path: Path) -> int:
    """The mode of the file at `path`, which is a regular one that can be read.

    OpenSSL would wait for whoever writes to a pipe, for ever, and with it the main thread.
    """
    try:
        # Without O_NONBLOCK, opening a FIFO would wait as well.
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            mode = os.fstat(file).st_mode
        finally:
            os.close(file)
    except OSError as error:
        raise CertificateError(
            f"{_format_path(path)}: {error.strerror or error}; the user that runs the server"
            " must be"
            " able to read it"
        ) from None
    if stat.S_ISDIR(mode):
        raise CertificateError(f"{_format_path(path)}: is a folder; name a file in it")
    if not stat.S_ISREG(mode):
        raise CertificateError(f"{_format_path(path)}: is no regular file; name one")
    return stat.S_IMODE(mode)


def _describe_load_failure(certificate: Path, key: Path, error: ssl.SSLError) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return (
            f"{_format_path(key)}: is not the key of {_format_path(certificate)};"
            " name the two that belong"
        )
    from cryptography import x509

    try:
        x509.load_pem_x509_certificate(certificate.read_bytes())
    except (OSError, ValueError):
        return f"{_format_path(certificate)}: is no certificate in PEM form; is it the right file?"
    return (
        f"{_format_path(key)}: can't be used with {_format_path(certificate)}: is it the key, in"
        " PEM form and"
        f" without a password? ({_describe_ssl_error(error)})"
    )


def _describe_ssl_error(error: ssl.SSLError) -> str:
    return one_line((error.reason or str(error)).lower().replace("_", " "))


def _format_path(path: Path) -> str:
    return one_line(str(path))
