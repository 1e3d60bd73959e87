"""The report of files that other users of this machine may read or write."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from chat_server.accounts import AccountsInUse
from chat_server.cluster_node import ClusterNode
from chat_server.config import Config
from chat_server.net import CertificateInUse
from chat_server.observability import EventLog
from chat_server.strict_modes import mode_problems


class ExposureReport:
    """Logs exposed files, each once. Only the main thread calls `update`."""

    def __init__(
        self,
        config: Config,
        accounts: AccountsInUse,
        certificate: CertificateInUse,
        node: ClusterNode | None,
        log: EventLog,
    ) -> None:
        """`node`: None if this server is the only one."""
        self._config = config
        self._accounts = accounts
        self._certificate = certificate
        self._node = node
        self._log = log
        self._reported: set[tuple[str, int | str]] = set()
        """The files that `update` found the last time, each with its mode or with the problem."""

    def update(self) -> None:
        """Log which files are exposed. What was so before, and was logged, is not logged again."""
        found = self._find()
        for each, report in found.items():
            if each not in self._reported:
                report()
        self._reported = set(found)

    def _find(self) -> dict[tuple[str, int | str], Callable[[], None]]:
        """Return what logs each exposed file."""
        log = self._log
        found: dict[tuple[str, int | str], Callable[[], None]] = {}
        exposed = self._accounts.insecure_files()
        if self._node is not None:
            exposed += self._node.insecure_files()
        for path, mode in exposed:
            found[str(path), mode] = partial(log.users_exposed, str(path), mode)
        problems = self._accounts.mode_problems()
        if self._config.config_file is not None:
            problems += mode_problems(self._config.config_file)
        certificate = self._certificate.current
        if certificate is not None:
            if certificate.key_is_exposed:
                key, mode = str(certificate.key), certificate.key_mode
                found[key, mode] = partial(log.key_exposed, key, mode)
            problems += certificate.key_mode_problems
        for problem in problems:
            found[str(problem.path), problem.why] = partial(
                log.writable_by_others, str(problem.path), problem.why, problem.cure
            )
        return found
