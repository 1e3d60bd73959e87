"""The server's certificate: self-signed, created at the first start, or from an authority.

Each error is one line: it names the file and what to do.
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
from chat_server.files import NotRegularFileError, open_regular, sync_folder
from chat_server.strict_modes import ModeProblem, mode_problems
from chat_server.wire import key_fingerprint

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import GeneralName

SELF_SIGNED_CERTIFICATE: Final = "tls-cert.pem"
SELF_SIGNED_KEY: Final = "tls-key.pem"
"""Files that the server creates in its state folder if no certificate is configured."""

_VALIDITY: Final = timedelta(days=3650)
"""Validity of a self-signed certificate. Clients pin its key and ignore its dates."""

_CLOCK_SKEW: Final = timedelta(days=1)
"""A new certificate is valid from this long ago, because clients' clocks may be slow."""

_SIZE_LIMIT: Final = 1 << 20
"""Most bytes of a certificate with its chain, and of a key: a hundred times what either needs."""


class CertificateError(Exception):
    """The certificate or its key cannot be used. One line: the file, why, what to do."""


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """A loaded certificate. A reload creates a new object."""

    context: ssl.SSLContext
    """The context of new connections. Never changed, because they use it in other threads."""
    fingerprint: str
    """Fingerprint of the key, in the form that clients display."""
    path: Path
    key: Path
    key_mode: int
    """Permission bits of the key's file."""
    not_before: datetime
    not_after: datetime

    @property
    def has_expired(self) -> bool:
        """True if clients that check the dates reject it."""
        return self.not_after <= datetime.now(UTC)

    @property
    def key_is_exposed(self) -> bool:
        """True if users other than the owner may read or write the key."""
        return bool(self.key_mode & (stat.S_IRWXG | stat.S_IRWXO))

    @property
    def key_mode_problems(self) -> list[ModeProblem]:
        """Why others may write the key or one of its folders, and so replace it."""
        return mode_problems(self.key)


class MissingFiles(Enum):
    """The files that the server still has to create."""

    NOTHING = auto()
    CERTIFICATE = auto()
    """The certificate is missing or has expired. The key exists."""
    BOTH = auto()


def load_certificate(certificate: Path, key: Path) -> ServerCertificate:
    """Load a certificate (with its chain) and its key, both PEM. Raises `CertificateError`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # TLS 1.2 only with what TLS 1.3 has too: forward secrecy, and no CBC.
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    # Clients do not resume sessions, and a ticket is one more secret that can be stolen. Python
    # cannot disable OpenSSL's cache of TLS 1.2 sessions by id: at most 20,480 sessions, some 28 MB,
    # each for two hours and at most as long as this context.
    context.num_tickets = 0
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
    _check_readable(certificate)
    key_mode = _check_readable(key)
    try:
        # Without this password, OpenSSL would prompt for one at the terminal.
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
    """Load the self-signed certificate in `folder`. Create it if there is none.

    Clients identify the server by its key, so the key is created once. A certificate that is
    missing or has expired is created again for the same key. `host`: the address that the server
    listens on. Raises `CertificateError`. Main thread; blocks on the disk.
    """
    certificate, key = folder / SELF_SIGNED_CERTIFICATE, folder / SELF_SIGNED_KEY
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        missing = missing_files(folder)
        if missing is MissingFiles.BOTH:
            _create_key(key)
        if missing is not MissingFiles.NOTHING:
            _create_certificate(certificate, key, host)
        return load_certificate(certificate, key)
    except OSError as error:
        raise _not_writable_error(folder, error) from None


def missing_files(folder: Path) -> MissingFiles:
    """Return what `self_signed_certificate` would create in `folder`. Create nothing.

    Raises `CertificateError` if an existing file must be neither used nor replaced.
    """
    certificate, key = folder / SELF_SIGNED_CERTIFICATE, folder / SELF_SIGNED_KEY
    try:
        # In this order, because a concurrent start creates the key first.
        is_certified = certificate.exists()
        if not key.exists():
            if is_certified or key.is_symlink():
                raise CertificateError(
                    f"{_format_path(key)}: the key is missing; restore it from a backup, or"
                    f" move the other files out of {_format_path(folder)} (clients will then be"
                    " warned that the key has changed)"
                )
            return MissingFiles.BOTH
        if is_certified and not load_certificate(certificate, key).has_expired:
            return MissingFiles.NOTHING
        _read_key(key)
    except OSError as error:
        raise _not_writable_error(folder, error) from None
    return MissingFiles.CERTIFICATE


def _not_writable_error(folder: Path, error: OSError) -> CertificateError:
    path = Path(str(error.filename or folder))
    return CertificateError(
        f"{_format_path(path)}: {error.strerror or error}; name a writable folder with --state, or"
        " a certificate with --tls-cert and --tls-key"
    )


def _create_key(path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    key = ec.generate_private_key(ec.SECP256R1())
    data = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    temporary = _write_temporary(path, data, 0o600)
    try:
        # Unlike a rename, this never replaces a key that a concurrent start has created.
        with suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink()
    sync_folder(path.parent)


def _create_certificate(path: Path, key_path: Path, host: str) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding

    key = _read_key(key_path)
    now = datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "Lobby chat server")])
    certificate = (
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
    os.replace(_write_temporary(path, certificate.public_bytes(Encoding.PEM), 0o644), path)
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
            f"{_format_path(path)}: is not a key that this server created; restore it from a"
            " backup, or move it away (clients will then be warned that the key has changed)"
        )
    return key


def _subject_alternative_names(host: str) -> Iterator[GeneralName]:
    """Yield the known names and addresses of this machine."""
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
        with suppress(ValueError):  # a host name may be invalid in a certificate
            if name:
                yield x509.DNSName(name)
    for text in addresses:
        yield x509.IPAddress(ip_address(text))


def _own_addresses() -> list[str]:
    try:
        resolved = socket.getaddrinfo(socket.gethostname(), None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return [str(address[0]).partition("%")[0] for *_, address in resolved]


def _write_temporary(path: Path, data: bytes, mode: int) -> Path:
    """Write `data` to a new file next to `path`, sync it to the disk, and return its path."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with open(file, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(file)
    except BaseException:
        temporary.unlink()
        raise
    return temporary


def _check_readable(path: Path) -> int:
    """Return the mode of the file at `path`. Raise if it is not a readable regular file.

    OpenSSL would wait forever for a writer of a FIFO, and block the main thread.
    """
    try:
        file = open_regular(path)
        try:
            status = os.fstat(file)
        finally:
            os.close(file)
    except IsADirectoryError:
        raise CertificateError(f"{_format_path(path)}: is a folder; name a file in it") from None
    except NotRegularFileError:
        raise CertificateError(f"{_format_path(path)}: is not a regular file; name one") from None
    except OSError as error:
        raise CertificateError(
            f"{_format_path(path)}: {error.strerror or error}; make it readable for the user"
            " that runs the server"
        ) from None
    if status.st_size > _SIZE_LIMIT:
        raise CertificateError(
            f"{_format_path(path)}: larger than {_SIZE_LIMIT >> 10} KiB; is it the right file?"
        )
    return stat.S_IMODE(status.st_mode)


def _describe_load_failure(certificate: Path, key: Path, error: ssl.SSLError) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return (
            f"{_format_path(key)}: is not the key of {_format_path(certificate)};"
            " name a certificate and its own key"
        )
    from cryptography import x509

    try:
        x509.load_pem_x509_certificate(certificate.read_bytes())
    except (OSError, ValueError):
        return (
            f"{_format_path(certificate)}: is not a certificate in PEM form; is it the right file?"
        )
    return (
        f"{_format_path(key)}: can't be used with {_format_path(certificate)}: is it the key, in"
        f" PEM form and without a password? ({_describe_ssl_error(error)})"
    )


def _describe_ssl_error(error: ssl.SSLError) -> str:
    return one_line((error.reason or str(error)).lower().replace("_", " "))


def _format_path(path: Path) -> str:
    return one_line(str(path))
