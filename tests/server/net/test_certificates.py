"""The server's certificate: creation, reuse, renewal for the same key, and invalid files."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from chat_server.net.certificates import (
    SELF_SIGNED_CERTIFICATE,
    SELF_SIGNED_KEY,
    CertificateError,
    load_certificate,
    self_signed_certificate,
)
from tests.support.certificates import write_certificate


def read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def problem(certificate: Path, key: Path) -> str:
    with pytest.raises(CertificateError) as raised:
        load_certificate(certificate, key)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_first_start_creates_private_key_with_owner_only_mode(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "chat-server"
    self_signed_certificate(folder, "127.0.0.1")
    assert stat.S_IMODE((folder / SELF_SIGNED_KEY).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert sorted(os.listdir(folder)) == sorted([SELF_SIGNED_CERTIFICATE, SELF_SIGNED_KEY])


def test_own_certificate_uses_p256_and_names_all_local_hosts(tmp_path: Path) -> None:
    self_signed_certificate(tmp_path, "chat.example.org")
    certificate = read(tmp_path / SELF_SIGNED_CERTIFICATE)
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert isinstance(key.curve, ec.SECP256R1)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {"localhost", "chat.example.org"} <= set(names.get_values_for_type(x509.DNSName))
    assert {ip_address("127.0.0.1"), ip_address("::1")} <= set(
        names.get_values_for_type(x509.IPAddress)
    )


@pytest.mark.parametrize("host", ["192.0.2.7", "2001:db8::7"])
def test_own_certificate_names_listening_address(tmp_path: Path, host: str) -> None:
    self_signed_certificate(tmp_path, host)
    extension = read(tmp_path / SELF_SIGNED_CERTIFICATE).extensions
    names = extension.get_extension_for_class(x509.SubjectAlternativeName).value
    assert ip_address(host) in names.get_values_for_type(x509.IPAddress)


def test_second_start_reuses_certificate(tmp_path: Path) -> None:
    first = self_signed_certificate(tmp_path, "127.0.0.1").fingerprint
    before = (tmp_path / SELF_SIGNED_CERTIFICATE).read_bytes()
    assert self_signed_certificate(tmp_path, "127.0.0.1").fingerprint == first
    assert (tmp_path / SELF_SIGNED_CERTIFICATE).read_bytes() == before


def test_missing_certificate_is_recreated_for_existing_key(tmp_path: Path) -> None:
    first = self_signed_certificate(tmp_path, "127.0.0.1").fingerprint
    (tmp_path / SELF_SIGNED_CERTIFICATE).unlink()
    assert self_signed_certificate(tmp_path, "127.0.0.1").fingerprint == first


def test_expired_certificate_is_renewed_for_existing_key(tmp_path: Path) -> None:
    first = self_signed_certificate(tmp_path, "127.0.0.1").fingerprint
    key = load_pem_private_key((tmp_path / SELF_SIGNED_KEY).read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    old = datetime.now(UTC) - timedelta(days=2)
    expired = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name([]))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(old)
        .not_valid_after(old + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (tmp_path / SELF_SIGNED_CERTIFICATE).write_bytes(expired.public_bytes(Encoding.PEM))
    assert load_certificate(
        tmp_path / SELF_SIGNED_CERTIFICATE, tmp_path / SELF_SIGNED_KEY
    ).has_expired
    renewed = self_signed_certificate(tmp_path, "127.0.0.1")
    assert not renewed.has_expired
    assert renewed.fingerprint == first


def test_concurrent_first_starts_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as starts:
        certificates = list(
            starts.map(lambda _: self_signed_certificate(tmp_path, "127.0.0.1"), range(8))
        )
    assert len({certificate.fingerprint for certificate in certificates}) == 1


def test_uncreatable_state_folder_is_reported_with_option(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CertificateError, match="--state") as raised:
        self_signed_certificate(tmp_path / "file" / "state", "127.0.0.1")
    assert str(tmp_path) in str(raised.value)


def test_broken_own_key_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / SELF_SIGNED_KEY).write_text("not a key")
    with pytest.raises(CertificateError, match="backup"):
        self_signed_certificate(tmp_path, "127.0.0.1")
    assert (tmp_path / SELF_SIGNED_KEY).read_text() == "not a key"


def test_missing_key_of_existing_certificate_is_not_recreated(tmp_path: Path) -> None:
    self_signed_certificate(tmp_path, "127.0.0.1")
    (tmp_path / SELF_SIGNED_KEY).unlink()
    with pytest.raises(CertificateError, match="the key is missing; restore it from a backup"):
        self_signed_certificate(tmp_path, "127.0.0.1")
    assert os.listdir(tmp_path) == [SELF_SIGNED_CERTIFICATE]


def test_dangling_symlink_to_key_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / SELF_SIGNED_KEY).symlink_to(tmp_path / "not mounted" / SELF_SIGNED_KEY)
    with pytest.raises(CertificateError, match="the key is missing; restore it from a backup"):
        self_signed_certificate(tmp_path, "127.0.0.1")


def test_load_certificate_rejects_key_of_other_certificate(tmp_path: Path) -> None:
    certificate, _ = write_certificate(tmp_path)
    (tmp_path / "other").mkdir()
    self_signed_certificate(tmp_path / "other", "127.0.0.1")
    assert "is not the key of" in problem(certificate, tmp_path / "other" / SELF_SIGNED_KEY)


def test_load_certificate_rejects_invalid_missing_or_folder_path(tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path)
    certificate.write_text("-----BEGIN CERTIFICATE-----\nnothing\n")
    assert f"{certificate}: is not a certificate" in problem(certificate, key)
    assert "No such file" in problem(tmp_path / "missing", key)
    assert "is a folder" in problem(tmp_path, key)


@pytest.mark.parametrize("name", ["certificate", "key"])
def test_load_certificate_rejects_named_pipe_without_blocking(tmp_path: Path, name: str) -> None:
    """A server that waits here at SIGHUP handles no further signal."""
    certificate, key = write_certificate(tmp_path)
    pipe = certificate if name == "certificate" else key
    pipe.unlink()
    os.mkfifo(pipe)
    assert problem(certificate, key) == f"{pipe}: is not a regular file; name one"


def test_load_certificate_rejects_invalid_key(tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path)
    key.write_text("nothing")
    assert f"{key}: can't be used" in problem(certificate, key)


def test_load_certificate_rejects_encrypted_key_without_prompt(tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path)
    opened = load_pem_private_key(key.read_bytes(), None)
    assert isinstance(opened, ec.EllipticCurvePrivateKey)
    key.write_bytes(
        opened.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"a password")
        )
    )
    assert "without a password" in problem(certificate, key)
