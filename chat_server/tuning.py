"""Numbers of the server that no option sets, each with its unit and its reason.

Times are in seconds and sizes in bytes.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """Values that no option sets. They were measured or reasoned once, and only tests vary them."""

    tls_handshake_seconds: float = 10.0
    """For a whole handshake: many times what the slowest line needs. The peer is still unknown."""

    proxy_header_seconds: float = 5.0
    """For the header of the PROXY protocol, which a load balancer sends at once. Two lost packets
    delay it by 3 s. Never longer than `Config.login_timeout`."""

    connections_without_login_window: float = 600.0
    """Ten minutes: a scanner stays out, and a user with a mistyped port is soon back."""

    login_failure_window: float = 600.0
    """Ten minutes: guessing becomes hopeless, and a user who mistyped waits only a little."""

    stall_seconds: float = 5.0
    """A reader over `Config.lag_threshold` is cut if its kernel took nothing for this long."""

    throttle_seconds: float = 0.1
    """Longest wait of a publisher, for all slow readers of a batch together."""

    presence_burst: int = 6
    """Moves of a user to another room that are announced to the watchers at once."""

    presence_seconds: float = 3.0
    """Further moves of that user are announced together after this time. With 800 watchers, a user
    that changed the room as fast as allowed made the server send 15,000 lines a second."""

    linger_seconds: float = 1.0
    """After the last line, incoming data is read and dropped for this long. Otherwise a TCP reset
    could destroy that line."""

    flush_seconds: float = 5.0
    """How long a server that stops tries to send its last lines. After the end of a session, also
    how long its client may take nothing of them."""

    longest_flush_seconds: float = 60.0
    """Longest time for the last lines of a session to a client that reads slowly."""

    half_closed_seconds: float = 60.0
    """After an orderly close by the client: how long data that had arrived is still processed, at
    the allowed rate."""

    login_queue_seconds: float = 300.0
    """Longest wait of a login for its hash. On two cores, 2,000 users log in within this time after
    a restart. Later ones are rejected with the advice to try again, so that none holds a place for
    nothing."""

    login_burst: int = 30
    """Successful logins of one account at once: far more than a client that reconnects. They could
    keep the hashing threads from others."""

    login_interval: float = 1.0
    """Time between further logins of this account. The server delays them."""

    users_check_seconds: float = 0.5
    """Interval between two checks of the users file, each two calls of `stat`. The session of a
    disabled or removed account ends within a second, and a new account works by the time that its
    owner has walked back to the keyboard."""

    vanished_seconds: float = 105.0
    """Time to detect a client that vanished without closing the connection: within the two minutes
    of protocol section 5. Also ends a live client that was suspended (Ctrl+Z) and has taken nothing
    for this long."""

    history_commit_seconds: float = 0.02
    """Longest time from a message to its commit, if the disk keeps up. A power cut or `kill -9`
    loses what is newer. At 20 ms, the commits of a busy server cost a few percent of one core."""

    history_queue_bytes: int = 64 * 1024 * 1024
    """Messages that wait while the disk does not take them: about 200,000 short ones, an hour of a
    busy server. The oldest above this are dropped, and a page says how many are missing."""

    history_wait_seconds: float = 2.0
    """Longest wait of a client's command for the disk, and longest run time of its query."""

    history_free_bytes: int = 128 * 1024 * 1024
    """Storing pauses while less is free on the disk: SQLite cannot free anything once the disk is
    full, and the users file must still be writable."""

    history_prune_seconds: float = 10.0
    """Interval between two checks for messages that are kept no longer."""

    unread_seconds: float = 1.0
    """Shortest time between two notices of unread numbers for one session."""

    history_drain_seconds: float = 5.0
    """How long a server that stops waits for the last commit, after its clients are gone."""

    redis_lease_seconds: float = 15.0
    """The sessions of a server that has not renewed its lease for this long end on all others."""

    redis_renewal_seconds: float = 5.0
    """Interval of the renewals: two may fail."""

    redis_timeout_seconds: float = 2.0
    """Longest wait for a reply of Redis. Then the server connects again."""

    redis_notice_seconds: float = 2.0
    """After this long without Redis, users are notified that their messages wait."""

    redis_login_seconds: float = 5.0
    """Longest wait of a login for its place in the log. Then the client may try another server."""

    redis_unhealthy_seconds: float = 10.0
    """After this long without Redis, `/healthz` fails, and load balancers choose other servers."""

    redis_stop_seconds: float = 1.0
    """How long a server that stops tries to send what waits. Then that is dropped, and its users
    read how many messages it was."""

    redis_seed_seconds: float = 3.0
    """After a start of Redis: a server that starts does not write its state to an empty Redis for
    this long. So servers that run and connect again come first."""

    redis_queue_bytes: int = 16 * 1024 * 1024
    """Entries on their way to the log, or that wait for it. Then TCP slows all clients."""

    redis_client_bytes: int = 64 * 1024
    """The same for one client, so that none fills the queue alone."""

    redis_ring_seconds: float = 120.0
    """Acknowledged entries are kept this long, to send them again if a failover loses them."""

    redis_ring_bytes: int = 64 * 1024 * 1024
    """Size of these entries. The oldest are forgotten above it."""

    redis_tail_seconds: float = 10.0
    """Entries that were read are kept this long, for a Redis that has lost everything: so servers
    that had not read them yet still can."""

    redis_tail_bytes: int = 8 * 1024 * 1024
    """Size of these entries."""

    redis_snapshot_seconds: float = 60.0
    """Interval of the snapshots of the state in Redis, while entries are appended."""

    redis_snapshot_entries: int = 20_000
    """After this many entries, a snapshot is due earlier: a start then reads no more than these."""

    listen_backlog: int = 4096
    """With the default of 128, a thousand clients that reconnect at once would wait for seconds."""

    stack_size: int = 256 * 1024
    """Per thread. 8 MiB each would exhaust the address space long before 10,000 clients."""

    switch_interval: float = 0.0005
    """Longest wait of a thread to get the interpreter back after it released it for a send. At the
    default of 5 ms, one busy thread made a fan-out to 100 clients forty times slower."""

    switch_interval_per_client: float = 10e-6
    """Times the number of clients: the switch interval, if that is more than `switch_interval`. A
    thread that waits for the interpreter wakes once an interval to ask for it. When 1,000 clients
    disconnected at once, all their threads asked every 0.5 ms, and the server did nothing else for
    4 to 10 s. At 10 ms it took 0.1 s."""
