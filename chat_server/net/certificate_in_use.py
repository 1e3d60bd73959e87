"""The certificate of a running server: loaded at its start, and read again on request."""

from __future__ import annotations

from chat_server.config import Config
from chat_server.net.certificates import (
    CertificateError,
    ServerCertificate,
    load_certificate,
    self_signed_certificate,
)
from chat_server.observability import EventLog


class CertificateInUse:
    """The certificate for new connections. Only the main thread calls the methods."""

    def __init__(self, config: Config, log: EventLog) -> None:
        self._config = config
        self._log = log
        self._is_public = False
        self.current: ServerCertificate | None = None
        """None: the server does not speak TLS. One reference that is swapped whole: the acceptor's
        thread reads it without a lock."""

    def load(self, *, is_public: bool) -> None:
        """Load the certificate. Raises `CertificateError`.

        `is_public`: clients of other machines can connect. So other users must not be able to write
        the key.
        """
        self._is_public = is_public
        self.current = self._load()

    def reload(self) -> bool:
        """Read the certificate again, for new connections. Open connections keep the old one.

        If it cannot be used, log that, keep the old one and return False.
        """
        if self.current is None:
            return False
        try:
            self.current = self._load()
        except CertificateError as error:
            self._log.certificate_broken(str(error))
            return False
        self._log.certificate_reloaded(self.current.fingerprint)
        return True

    def check_expiry(self) -> None:
        """Warn if the certificate has expired: clients may reject it."""
        if self.current is not None and self.current.has_expired:
            self._log.certificate_expired(str(self.current.path))

    def _load(self) -> ServerCertificate:
        """Load the configured certificate, or the server's own. Raises `CertificateError`."""
        config = self._config
        if config.tls_cert is not None and config.tls_key is not None:
            certificate = load_certificate(config.tls_cert, config.tls_key)
        else:
            certificate = self_signed_certificate(config.state, config.host)
        if self._is_public:
            for problem in certificate.key_mode_problems:
                raise CertificateError(str(problem))
        return certificate
