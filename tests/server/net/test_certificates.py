"""The server's certificate: made once, kept, renewed for the same key; and files that are none."""

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
    OWN_CERTIFICATE,
    OWN_KEY,
    CertificateError,
    load_certificate,
    own_certificate,
)
from tests.support.certificates import write_certificate


def read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def problem(certificate: Path, key: Path) -> str:
    with pytest.raises(CertificateError) as raised:
        load_certificate(certificate, key)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_the_first_start_makes_a_key_that_nobody_else_can_read(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "chat-server"
    own_certificate(folder, "127.0.0.1")
    assert stat.S_IMODE((folder / OWN_KEY).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert sorted(os.listdir(folder)) == sorted([OWN_CERTIFICATE, OWN_KEY])


def test_it_is_for_a_key_on_p256_and_for_every_name_of_this_machine(tmp_path: Path) -> None:
    own_certificate(tmp_path, "chat.example.org")
    made = read(tmp_path / OWN_CERTIFICATE)
    key = made.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert isinstance(key.curve, ec.SECP256R1)
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {"localhost", "chat.example.org"} <= set(names.get_values_for_type(x509.DNSName))
    assert {ip_address("127.0.0.1"), ip_address("::1")} <= set(
        names.get_values_for_type(x509.IPAddress)
    )


@pytest.mark.parametrize("host", ["192.0.2.7", "2001:db8::7"])
def test_it_is_for_the_address_that_is_listened_on(tmp_path: Path, host: str) -> None:
    own_certificate(tmp_path, host)
    extension = read(tmp_path / OWN_CERTIFICATE).extensions
    names = extension.get_extension_for_class(x509.SubjectAlternativeName).value
    assert ip_address(host) in names.get_values_for_type(x509.IPAddress)


def test_the_next_start_finds_the_same(tmp_path: Path) -> None:
    first = own_certificate(tmp_path, "127.0.0.1").fingerprint
    before = (tmp_path / OWN_CERTIFICATE).read_bytes()
    assert own_certificate(tmp_path, "127.0.0.1").fingerprint == first
    assert (tmp_path / OWN_CERTIFICATE).read_bytes() == before


def test_a_lost_certificate_is_made_anew_for_the_same_key(tmp_path: Path) -> None:
    first = own_certificate(tmp_path, "127.0.0.1").fingerprint
    (tmp_path / OWN_CERTIFICATE).unlink()
    assert own_certificate(tmp_path, "127.0.0.1").fingerprint == first


def test_one_that_has_expired_is_made_anew_for_the_same_key(tmp_path: Path) -> None:
    first = own_certificate(tmp_path, "127.0.0.1").fingerprint
    key = load_pem_private_key((tmp_path / OWN_KEY).read_bytes(), None)
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
    (tmp_path / OWN_CERTIFICATE).write_bytes(expired.public_bytes(Encoding.PEM))
    assert load_certificate(tmp_path / OWN_CERTIFICATE, tmp_path / OWN_KEY).has_expired
    renewed = own_certificate(tmp_path, "127.0.0.1")
    assert not renewed.has_expired
    assert renewed.fingerprint == first


def test_two_first_starts_at_once_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as starts:
        made = list(starts.map(lambda _: own_certificate(tmp_path, "127.0.0.1"), range(8)))
    assert len({one.fingerprint for one in made}) == 1


def test_a_folder_that_can_not_be_made_is_told_with_a_cure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CertificateError, match="--state") as raised:
        own_certificate(tmp_path / "file" / "state", "127.0.0.1")
    assert str(tmp_path) in str(raised.value)


def test_an_own_key_that_is_broken_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / OWN_KEY).write_text("no key")
    with pytest.raises(CertificateError, match="backup"):
        own_certificate(tmp_path, "127.0.0.1")
    assert (tmp_path / OWN_KEY).read_text() == "no key"


def test_a_lost_key_is_not_made_anew_behind_its_certificate(tmp_path: Path) -> None:
    own_certificate(tmp_path, "127.0.0.1")
    (tmp_path / OWN_KEY).unlink()
    with pytest.raises(CertificateError, match="the key is gone; restore it from a backup"):
        own_certificate(tmp_path, "127.0.0.1")
    assert os.listdir(tmp_path) == [OWN_CERTIFICATE]


def test_a_key_that_is_kept_elsewhere_and_gone_is_not_made_anew(tmp_path: Path) -> None:
    (tmp_path / OWN_KEY).symlink_to(tmp_path / "not mounted" / OWN_KEY)
    with pytest.raises(CertificateError, match="the key is gone; restore it from a backup"):
        own_certificate(tmp_path, "127.0.0.1")


def test_a_certificate_and_a_key_of_another(tmp_path: Path) -> None:
    certificate, _ = write_certificate(tmp_path)
    (tmp_path / "other").mkdir()
    own_certificate(tmp_path / "other", "127.0.0.1")
    assert "is not the key of" in problem(certificate, tmp_path / "other" / OWN_KEY)


def test_what_is_no_certificate(tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path)
    certificate.write_text("-----BEGIN CERTIFICATE-----\nnothing\n")
    assert f"{certificate}: is no certificate" in problem(certificate, key)
    assert "No such file" in problem(tmp_path / "missing", key)
    assert "is a folder" in problem(tmp_path, key)


@pytest.mark.parametrize("name", ["certificate", "key"])
def test_a_pipe_is_not_waited_for(tmp_path: Path, name: str) -> None:
    """Where it waits at SIGHUP, no signal ends the server any more."""
    certificate, key = write_certificate(tmp_path)
    pipe = certificate if name == "certificate" else key
    pipe.unlink()
    os.mkfifo(pipe)
    assert problem(certificate, key) == f"{pipe}: is no regular file; name one"


def test_what_is_no_key(tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path)
    key.write_text("nothing")
    assert f"{key}: can't be used" in problem(certificate, key)


def test_a_key_with_a_password_is_refused_and_nobody_is_asked_for_it(tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path)
    opened = load_pem_private_key(key.read_bytes(), None)
    assert isinstance(opened, ec.EllipticCurvePrivateKey)
    key.write_bytes(
        opened.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"a password")
        )
    )
    assert "without a password" in problem(certificate, key)
