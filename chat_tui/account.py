"""Who signs in, and where."""

from __future__ import annotations

from dataclasses import dataclass, field

from chat_server.wire.protocol import canonical_name, published_form, words


@dataclass(frozen=True, slots=True)
class Account:
    """A user at a server, and the password for it, which no `repr` shows."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)

    @property
    def server(self) -> str:
        """`host:port`, as it is shown."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def identity(self) -> tuple[str, str]:
        """Who it is, and where: equal for the same user at the same server."""
        return self.server.casefold(), canonical_name(self.user) or self.user

    @property
    def problem(self) -> str | None:
        """Why this can't be tried, in words for the form, or None where it can.

        A line end in the name or the password would begin a line of its own, a space another
        word of `LOGIN <username> <password>`; white space at the end of a line does not count.
        """
        if not self.host:
            return "Which server? Its name is empty"
        if not 0 < self.port < 65536:
            return "A port is a number from 1 to 65535"
        if not self.user:
            return "Who are you? The user name is empty"
        if not self.password:
            return "The password is empty"
        for what, word in (("user name", self.user), ("password", self.password)):
            if words(word) != [word] or published_form(word) != word:
                return f"A {what} has no spaces and no control characters"
        return None


def account(host: str, port: int, user: str, password: str) -> Account:
    """An account as it was typed into a form: the host may stand in the brackets of an IPv6."""
    host = host.strip()
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    return Account(host, port, user, password)
