"""Random steps of users, operators and servers, for hubs that read one log."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from chat_server.core import Hub, LoginBannedError, Session, requests
from chat_server.core.values import EndCause, EndNotice
from tests.server.core.shared_log import Client

USERS = ("alice", "bob", "carol")
NAMES = ("*", *USERS, "dave", "nobody")
ROOMS = ("lobby", "dev", "ops", "0ps", " ")
NODES = 3


def _act(method: str, *given_values: st.SearchStrategy[Any], **named: Any) -> Any:
    """Return calls of a method of the hub: name, arguments."""
    return st.tuples(st.just(method), st.tuples(*given_values), st.just(named))


TEXTS = st.lists(st.sampled_from(["hi", "ho"]), min_size=1, max_size=2)
HOSTS = st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1"])
MINUTES = st.sampled_from([None, 1, 60])
CHANGES = st.one_of(
    _act("join", st.sampled_from(ROOMS)),
    _act("publish", TEXTS),
    _act("publish", TEXTS, actions=True),
    _act("subscribe", st.sampled_from(NAMES)),
    _act("subscribe", st.just("*")),
    _act("unsubscribe", st.sampled_from(NAMES)),
    _act("send_private", st.sampled_from(NAMES), st.just("psst")),
    _act("read_private", st.sampled_from(USERS)),
    _act("announce", st.just("soon")),
    _act("kick", st.sampled_from(USERS), st.just("why")),
    _act("ban_account", st.sampled_from(USERS), MINUTES),
    _act("ban_address", HOSTS, MINUTES),
    st.tuples(
        st.just("unban"), st.just(()), st.fixed_dictionaries({"user": st.sampled_from(USERS)})
    ),
    st.tuples(st.just("unban"), st.just(()), st.fixed_dictionaries({"address": HOSTS})),
    _act("log_out", st.just(EndNotice(EndCause.QUIT)), is_orderly=True),
    _act("log_out"),
)
READS = st.one_of(
    _act("list_rooms"),
    _act("list_members"),
    _act("list_members", st.sampled_from(ROOMS)),
    _act("list_subscriptions"),
    _act("set_presence", st.booleans()),
    _act("set_stamps", st.booleans()),
)
ACCOUNTS = st.none() | st.builds(
    requests.AccountRecord, st.just("hash"), st.booleans(), st.sampled_from(["2026", "2027"])
)
SLOTS = st.integers(0, 5)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("log in"), st.sampled_from(USERS), st.integers(0, NODES - 1), HOSTS),
        st.tuples(st.just("log in"), st.sampled_from(USERS), st.integers(0, NODES - 1), HOSTS),
        st.tuples(st.just("change"), SLOTS, CHANGES),
        st.tuples(st.just("change"), SLOTS, CHANGES),
        st.tuples(st.just("change"), SLOTS, CHANGES),
        st.tuples(st.just("change"), SLOTS, CHANGES),
        st.tuples(st.just("read"), SLOTS, READS),
        st.tuples(st.just("account"), st.sampled_from(USERS), ACCOUNTS),
        st.tuples(st.just("rename"), st.sampled_from(USERS)),
        st.tuples(st.just("catch up"), st.integers(0, NODES - 1)),
        st.tuples(st.just("pass"), st.sampled_from([1_000_000, 61_000_000])),
        st.tuples(st.just("rebuild"), st.integers(0, NODES - 1)),
    ),
    min_size=12,  # the usual number is not far above that
    max_size=50,
)


def log_in(
    hub: Hub[Client], user: str, client: Client, host: str
) -> tuple[Session[Client] | None, bool | None]:
    """Log in. Return the session, or whether a ban of the address or of the account forbids it."""
    try:
        return hub.log_in(user, client, ["/join"], host), None
    except LoginBannedError as error:
        return None, error.ban.is_of_address
