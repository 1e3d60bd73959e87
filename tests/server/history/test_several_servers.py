"""The histories of real servers over one log: the same rows, also after a restart and a move."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from chat_server.config import Config
from chat_server.core import now_microseconds
from tests.support.accounts import PEOPLE, write_accounts_file
from tests.support.cluster import Cluster, ProgramNode, StartCluster
from tests.support.history_cli import run_history
from tests.support.node_histories import rows, texts, wait_until_stored
from tests.support.redis_server import RedisServer, StartRedis
from tests.support.running_server import RunningServer
from tests.support.server_cli import run_server
from tests.support.wait_until import until
from tests.support.wire_client import WireClient


def files_of(cluster: Cluster, folder: Path) -> list[Path]:
    return [folder / f"{node.name}.db" for node in cluster.nodes]


def program(cluster: Cluster, index: int) -> ProgramNode:
    node = cluster.nodes[index]
    assert isinstance(node, ProgramNode)
    return node


def page(client: WireClient, command: str) -> list[str]:
    """Return the lines of a page, without its first and its last one."""
    client.send(command)
    found: list[str] = []
    while not (line := client.read_line() or "").startswith("[SERVER] End of"):
        assert line, found
        found.append(line)
    return found[1:]


def page_texts(client: WireClient, command: str) -> list[str]:
    return [line.partition(": ")[2] for line in page(client, command)]


def say(client: WireClient, user: str, *said: str) -> None:
    """Publish, and wait until the messages are in the log. The user follows itself."""
    for text in said:
        client.send(text)
        client.expect_message(user, text)


def stamp_of(client: WireClient, text: str) -> str:
    (line,) = (line for line in page(client, "/history 50") if line.endswith(f": {text}"))
    return line.split("[")[1].partition("]")[0]


def exchange(cluster: Cluster) -> None:
    """Let users speak, move, erase and read, on two servers."""
    alice = cluster.log_in(0, "alice", subscribe="bob")
    bob = cluster.log_in(1, "bob", subscribe="bob")
    for text in ("bob one", "bob two", "bob three", "bob four"):
        say(bob, "bob", text)
        alice.expect_message("bob", text)
    first = stamp_of(alice, "bob one")
    # Each erases on the own server. The operator erases what was said on the other one.
    assert bob.request(f"/erase {stamp_of(bob, 'bob three')}") == "[SERVER] Erased 1 message by bob"
    assert alice.request(f"/erase {first}") == "[SERVER] Erased 1 message by bob"
    assert bob.request(f"/erase {first}") == f"[ERROR] Nothing to erase: {first}"
    carol = cluster.log_in(1, "carol", subscribe="carol")
    say(carol, "carol", "rude", "ruder")
    bob.request("/subscribe alice")
    carol.request("/subscribe alice")
    assert alice.request("/erase carol") == "[SERVER] Erased 2 messages by carol"
    until(lambda: page_texts(carol, "/history") == [], "the other server has erased them")
    assert carol.request("/msg dave for later") == "[SERVER] Kept for dave"
    assert alice.request("/msg dave and this") == "[SERVER] Kept for dave"
    assert alice.request("/msg bob at once") == "[SERVER] Sent to bob"
    assert (bob.read_line() or "").endswith("alice -> bob: at once")
    carol.send_eof()
    carol.expect_end()
    say(bob, "bob", "bob five")


def test_histories_have_the_same_rows_over_a_kill_and_a_restart(
    start_cluster: StartCluster, tmp_path: Path
) -> None:
    cluster = start_cluster(2, in_processes=True, operators=frozenset({"alice"}))
    files = files_of(cluster, tmp_path / "cluster0")
    exchange(cluster)
    node = program(cluster, 1)
    node.kill()
    # Missed by the server that is away: messages, an erasure, reading, subscriptions.
    bob = cluster.log_in(0, "bob", subscribe="bob")
    say(bob, "bob", "bob six", "bob seven")
    assert bob.request(f"/erase {stamp_of(bob, 'bob six')}") == "[SERVER] Erased 1 message by bob"
    assert bob.request("/subscribe carol") == "[SERVER] Subscribed to carol"
    assert bob.request("/unsubscribe alice") == "[SERVER] Unsubscribed from alice"
    assert bob.request("/msg dave third") == "[SERVER] Kept for dave"
    node.start()
    # Users who were on the other server.
    dave = cluster.log_in(1, "dave", subscribe="alice")
    assert page_texts(dave, "/history with alice") == ["and this"]
    carol = cluster.log_in(0, "carol", subscribe="bob")
    carol.send_eof()
    carol.expect_end()
    said = ["bob two", "bob four", "bob five", "bob seven"]
    assert page_texts(bob, "/history") == said
    bob.send_eof()
    bob.expect_end()
    bob = cluster.log_in(1, "bob", subscribe="bob")
    assert bob.request("/subs") == "[SERVER] Subscriptions: bob, carol"
    assert page_texts(bob, "/history") == said
    assert page_texts(bob, "/search seven") == ["bob seven"]
    say(bob, "bob", "bob eight")
    assert bob.request("/msg carol when you are back") == "[SERVER] Kept for carol"
    carol = cluster.log_in(1, "carol")
    assert carol.request("/unread") == "[SERVER] Unread: @bob (1)"
    assert page_texts(carol, "/history with bob") == ["when you are back"]
    assert carol.request("/unread") == "[SERVER] Unread: none"
    carol.send_eof()
    carol.expect_end()
    for client in (bob, dave):
        client.close()
    node.stop()
    say(cluster.log_in(0, "bob", subscribe="bob"), "bob", "bob nine")
    node.start()
    cluster.until_same_state()
    wait_until_stored(cluster.redis, *files)
    first, second = map(rows, files)
    assert first == second
    assert texts(files[0]) == [*said, "bob eight", "bob nine"]
    assert first["gaps"] == []


def wait_for_snapshot(redis: RedisServer) -> int:
    """Wait for a snapshot that contains all entries. Return the stamp of the last one."""
    last = int(redis.command("HGET", "{lobby}:state", "at"))
    until(
        lambda: max(map(int, redis.command("HKEYS", "{lobby}:snapshots"))) >= last,
        "there is a snapshot",
    )
    return last


# Servers that become one of several


def single(folder: Path, clock: Callable[[], int] = now_microseconds) -> RunningServer:
    """Return a server without others, with a history."""
    config = Config(
        port=0,
        users=write_accounts_file(folder / "single.json", PEOPLE),
        history=folder / "single.db",
        state=folder / "single",
        rate=0,
        bcrypt_cost=4,
    )
    return RunningServer(config, clock)


def an_hour_ahead() -> int:
    return now_microseconds() + 3_600_000_000


def test_single_server_becomes_the_first_of_several(
    start_cluster: StartCluster, tmp_path: Path
) -> None:
    alone = single(tmp_path, an_hour_ahead)
    alice = alone.log_in("alice", subscribe="bob")
    bob = alone.log_in("bob", subscribe="bob")
    say(bob, "bob", "long ago")
    assert bob.request("/msg dave psst") == "[SERVER] Kept for dave"
    alice.close()
    bob.close()
    alone.stop()
    file = tmp_path / "single.db"
    cluster = start_cluster(1, history=file, users=tmp_path / "single.json")
    other = start_cluster(1, redis=cluster.redis, node="other", history=tmp_path / "other.db")
    # Of the log, so also on the other server.
    alice = other.log_in(0, "alice")
    assert alice.request("/subs") == "[SERVER] Subscriptions: bob"
    dave = cluster.log_in(0, "dave", subscribe="bob")
    assert dave.request("/unread") == "[SERVER] Unread: @bob (1)"
    bob = cluster.log_in(0, "bob", subscribe="bob")
    say(bob, "bob", "now")
    alice.expect_message("bob", "now")
    # The stamps go on above those of a clock that was wrong.
    assert page_texts(bob, "/history") == ["long ago", "now"]
    assert cluster.log_faults() == []


def test_server_with_later_stamps_joins_and_new_messages_are_its_newest(
    start_cluster: StartCluster, tmp_path: Path
) -> None:
    alone = single(tmp_path, an_hour_ahead)
    bob = alone.log_in("bob", subscribe="bob")
    say(bob, "bob", "its own past")
    bob.close()
    alone.stop()
    cluster = start_cluster(1)
    say(cluster.log_in(0, "alice", subscribe="alice"), "alice", "before")
    joined = start_cluster(1, redis=cluster.redis, node="late", history=tmp_path / "single.db")
    bob = joined.log_in(0, "bob", subscribe="bob")
    say(bob, "bob", "here")
    assert page_texts(bob, "/history 1") == ["here"]


def test_history_of_another_log_keeps_its_past_and_follows_the_new_log(
    start_cluster: StartCluster, start_redis: StartRedis, tmp_path: Path
) -> None:
    cluster = start_cluster(1)
    alice = cluster.log_in(0, "alice", subscribe="alice")
    say(alice, "alice", "before it")
    trimmed = wait_for_snapshot(cluster.redis)
    cluster.redis.command("XTRIM", "{lobby}:log", "MINID", f"{trimmed + 1}-0")
    elsewhere = start_cluster(1, redis=start_redis(), history=tmp_path / "moved.db", node="moved")
    bob = elsewhere.log_in(0, "bob", subscribe="bob")
    assert bob.request("/subscribe carol") == "[SERVER] Subscribed to carol"
    say(bob, "bob", "elsewhere")
    bob.close()
    elsewhere.nodes[0].stop()
    assert alice.request("/subscribe dave") == "[SERVER] Subscribed to dave"
    joined = start_cluster(1, redis=cluster.redis, history=tmp_path / "moved.db", node="moved")
    say(alice, "alice", "after it")
    moved, first = tmp_path / "moved.db", tmp_path / "cluster0" / "node0.db"
    wait_until_stored(cluster.redis, moved, first)
    assert texts(moved) == ["elsewhere", "after it"]
    assert rows(moved)["subscriptions"] == rows(first)["subscriptions"] == [("alice", "dave")]
    assert len(rows(moved)["gaps"]) == 1
    bob = joined.log_in(0, "bob", subscribe="*")
    assert "[SERVER] Not kept: messages before" in "".join(page(bob, "/history"))
    cluster.until_same_state()


def test_new_server_is_seeded_by_a_backup_of_another_one(
    start_cluster: StartCluster, tmp_path: Path
) -> None:
    cluster = start_cluster(1)
    first, second = tmp_path / "cluster0" / "node0.db", tmp_path / "second.db"
    bob = cluster.log_in(0, "bob", subscribe="bob")
    say(bob, "bob", "one", "two")
    assert page_texts(bob, "/history") == ["one", "two"]  # stored by now
    run_history(first, "backup", tmp_path / "copy.db", "--history", first)
    say(bob, "bob", "three")
    run_history(second, "restore", tmp_path / "copy.db", "--history", second)
    joined = start_cluster(1, redis=cluster.redis, node="second", history=second)
    say(bob, "bob", "four")
    wait_until_stored(cluster.redis, first, second)
    assert texts(second) == ["one", "two", "three", "four"]
    assert rows(first) == rows(second)
    assert page_texts(joined.log_in(0, "carol", subscribe="bob"), "/history 2") == ["three", "four"]


def test_server_that_was_away_for_too_long_says_what_it_has_not_kept(
    start_cluster: StartCluster, tmp_path: Path
) -> None:
    cluster = start_cluster()
    files = files_of(cluster, tmp_path / "cluster0")
    bob = cluster.log_in(0, "bob", subscribe="bob")
    say(bob, "bob", "one")
    wait_until_stored(cluster.redis, *files)
    cluster.nodes[1].stop()
    say(bob, "bob", "missed")
    missed = wait_for_snapshot(cluster.redis)
    cluster.redis.command("XTRIM", "{lobby}:log", "MINID", f"{missed + 1}-0")
    cluster.nodes[1].start()
    say(bob, "bob", "again")
    wait_until_stored(cluster.redis, *files)
    assert texts(files[0]) == ["one", "missed", "again"]
    assert texts(files[1]) == ["one", "again"]
    carol = cluster.log_in(1, "carol", subscribe="bob")
    lines = page(carol, "/history")
    assert [line.partition(": ")[2].partition(" before")[0] for line in lines] == [
        *("one", "messages", "again")
    ]
    assert lines[1].startswith("[SERVER] Not kept: messages before ")
    assert page_texts(bob, "/history") == ["one", "missed", "again"]
    cluster.nodes[1].stop()
    cluster.nodes[1].start()
    say(bob, "bob", "last")
    wait_until_stored(cluster.redis, *files)
    assert texts(files[1]) == ["one", "again", "last"]
    assert len(rows(files[1])["gaps"]) == 1


def test_server_that_joins_without_a_backup_says_what_it_has_not_kept(
    start_cluster: StartCluster, tmp_path: Path
) -> None:
    cluster = start_cluster(1)
    bob = cluster.log_in(0, "bob", subscribe="bob")
    carol = cluster.log_in(0, "carol", subscribe="bob")
    alice = cluster.log_in(0, "alice", subscribe="bob")
    assert alice.request("/join dev") == "[SERVER] Joined room 'dev'"
    alice.send_eof()
    alice.expect_end()
    say(bob, "bob", "missed")
    trimmed = wait_for_snapshot(cluster.redis)
    cluster.redis.command("XTRIM", "{lobby}:log", "MINID", f"{trimmed + 1}-0")
    joined = start_cluster(1, redis=cluster.redis, node="late", history=tmp_path / "late.db")
    say(bob, "bob", "kept")
    carol.expect_message("bob", "missed")
    carol.expect_message("bob", "kept")
    carol.send_eof()
    carol.expect_end()
    say(bob, "bob", "later")
    alice = joined.log_in(0, "alice")
    not_kept, *new = page(alice, "/history new")
    assert not_kept.startswith("[SERVER] Not kept: messages before ")
    assert [line.partition(": ")[2] for line in new] == ["kept", "later"]
    assert alice.request("/join dev") == "[SERVER] Joined room 'dev'"
    assert page(alice, "/history new") == [not_kept]
    assert alice.request("/unread") == "[SERVER] Unread: none"
    assert alice.read_line() == not_kept
    # The server knows when this user left.
    carol = joined.log_in(0, "carol")
    assert page_texts(carol, "/history new") == ["later"]
    carol.send("/unread")
    assert carol.request("/subs") == "[SERVER] Unread: none"
    assert carol.read_line() == "[SERVER] Subscriptions: bob"


def test_last_of_several_servers_goes_on_alone(start_cluster: StartCluster, tmp_path: Path) -> None:
    cluster = start_cluster(1, history=tmp_path / "single.db")
    bob = cluster.log_in(0, "bob", subscribe="bob")
    assert bob.request("/subscribe carol") == "[SERVER] Subscribed to carol"
    assert bob.request("/msg dave psst") == "[SERVER] Kept for dave"
    say(bob, "bob", "together")
    exported = tmp_path / "single.json"
    done = run_server("users", "--redis", cluster.redis.url, "export", exported)
    assert done.exit_code == 0, done.output
    bob.close()
    cluster.nodes[0].stop()
    config = Config(
        port=0,
        users=exported,
        history=tmp_path / "single.db",
        state=tmp_path / "single",
        rate=0,
        bcrypt_cost=4,
    )
    alone = RunningServer(config)
    bob = alone.log_in("bob", subscribe="bob")
    say(bob, "bob", "alone")
    assert page_texts(bob, "/history") == ["together", "alone"]
    assert bob.request("/subs") == "[SERVER] Subscriptions: bob, carol"
    dave = alone.log_in("dave", subscribe="bob")
    assert dave.request("/unread") == "[SERVER] Unread: @bob (1)"
    alone.close()


def test_server_that_was_stopped_before_the_first_snapshots_misses_nothing(
    start_cluster: StartCluster, tmp_path: Path
) -> None:
    cluster = start_cluster(redis_snapshot_seconds=0.2, redis_renewal_seconds=0.1)
    files = files_of(cluster, tmp_path / "cluster0")
    cluster.nodes[1].stop()
    bob = cluster.log_in(0, "bob", subscribe="bob")
    for text in ("one", "two", "three"):
        say(bob, "bob", text)
        wait_for_snapshot(cluster.redis)
    cluster.nodes[1].start()
    wait_until_stored(cluster.redis, *files)
    assert texts(files[1]) == ["one", "two", "three"]
    assert rows(files[0]) == rows(files[1])
