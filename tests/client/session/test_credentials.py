"""A session whose password changes: with which it comes back, and where the line never shows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chat_server.wire import operator_replies, replies
from chat_tui import events
from chat_tui.events import ConnectionState
from chat_tui.model.entries import EntryKind
from chat_tui.session.credentials import CHANGED_AFTER_ALL, NOT_CHANGED, UNCERTAIN
from chat_tui.storage.draft_store import DraftStore
from chat_tui.storage.history_file import HistoryFile
from chat_tui.storage.log_files import LogFiles
from tests.support.session_harness import ScriptedClient, ScriptedServer, SessionHarness

HAS_IT = ("/passwd",)
OLD, NEW = "secret", "correct-horse"


@pytest.fixture
def desk() -> Iterator[SessionHarness]:
    desk = SessionHarness()
    yield desk
    desk.close()


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    yield server
    server.close()


@pytest.fixture
def client(desk: SessionHarness, server: ScriptedServer) -> ScriptedClient:
    return desk.sign_in(server, more=HAS_IT)


def ask(desk: SessionHarness, client: ScriptedClient) -> None:
    desk.session.change_password(OLD, NEW)
    client.expect(f"/passwd {OLD} {NEW}")


def refuse(server: ScriptedServer, password: str) -> None:
    """The next client signs in with this password, and is not let in."""
    client = server.accept()
    client.say(f"[SERVER] {replies.LOGIN_PROMPT}")
    client.expect(f"LOGIN alice {password}")
    client.say(f"[ERROR] {replies.AUTHENTICATION_FAILED}")
    client.close()


def test_reconnect_uses_new_password_after_change(
    desk: SessionHarness, server: ScriptedServer, client: ScriptedClient
) -> None:
    ask(desk, client)
    client.say(f"[SERVER] {replies.PASSWORD_CHANGED}")
    assert desk.until_notice(events.PasswordChanged).new == NEW
    client.reset()
    desk.during(lambda: server.let_in(password=NEW, more=HAS_IT))
    desk.until_state(ConnectionState.ONLINE)


def test_reconnect_uses_new_password_after_typed_passwd_command(
    desk: SessionHarness, server: ScriptedServer, client: ScriptedClient
) -> None:
    desk.session.submit(f"/passwd {OLD} {NEW}")
    client.expect(f"/passwd {OLD} {NEW}")
    client.say(f"[SERVER] {replies.PASSWORD_CHANGED}")
    desk.until_text(replies.PASSWORD_CHANGED)
    client.reset()
    desk.during(lambda: server.let_in(password=NEW, more=HAS_IT))
    desk.until_state(ConnectionState.ONLINE)


@pytest.mark.parametrize(
    "reason", [replies.WRONG_PASSWORD, "A password has at least 8 bytes; this one has 3."]
)
def test_failed_password_change_keeps_old_password(
    desk: SessionHarness, server: ScriptedServer, client: ScriptedClient, reason: str
) -> None:
    ask(desk, client)
    client.say(f"[ERROR] {reason}")
    assert desk.until_notice(events.PasswordChangeFailed).reason == reason
    assert desk.texts() == []
    client.reset()
    desk.during(lambda: server.let_in(password=OLD, more=HAS_IT))
    desk.until_state(ConnectionState.ONLINE)


def test_uncertain_password_change_tries_new_password_first(
    desk: SessionHarness, server: ScriptedServer, client: ScriptedClient
) -> None:
    ask(desk, client)
    client.reset()
    desk.until_notice(events.PasswordChangeUncertain)
    assert desk.until_text(UNCERTAIN).kind is EntryKind.ERROR
    desk.during(lambda: server.let_in(password=NEW, more=HAS_IT))
    desk.until_notice(events.PasswordChanged)
    desk.until_text(CHANGED_AFTER_ALL)


def test_uncertain_password_change_falls_back_to_old_password(
    desk: SessionHarness, server: ScriptedServer, client: ScriptedClient
) -> None:
    ask(desk, client)
    client.reset()
    desk.until_notice(events.PasswordChangeUncertain)
    desk.during(lambda: refuse(server, NEW))
    again = desk.during(lambda: server.let_in(password=OLD, more=HAS_IT))
    assert desk.until_notice(events.PasswordChangeFailed).reason == NOT_CHANGED
    desk.until_state(ConnectionState.ONLINE)
    assert NOT_CHANGED in desk.texts()
    again.reset()
    desk.during(lambda: server.let_in(password=OLD, more=HAS_IT))
    desk.until_state(ConnectionState.ONLINE)


def test_uncertain_password_change_ends_session_if_both_passwords_fail(
    desk: SessionHarness, server: ScriptedServer, client: ScriptedClient
) -> None:
    ask(desk, client)
    client.reset()
    desk.during(lambda: refuse(server, NEW))
    desk.during(lambda: refuse(server, OLD))
    assert not desk.until_notice(events.SignInFailed).retry
    assert desk.model.connection.state is ConnectionState.OFFLINE


def test_ban_during_uncertain_password_change_stops_retries(
    desk: SessionHarness, server: ScriptedServer, client: ScriptedClient
) -> None:
    ask(desk, client)
    client.reset()

    def ban() -> None:
        banned = server.accept()
        banned.say(f"[ERROR] {operator_replies.banned(operator_replies.BANNED_ADDRESS, None)}")
        banned.close()

    desk.during(ban)
    assert desk.until_notice(events.SignInFailed).reason == operator_replies.BANNED_ADDRESS


def test_change_password_fails_while_disconnected(desk: SessionHarness) -> None:
    desk.session.change_password(OLD, NEW)
    desk.until_notice(events.PasswordChangeFailed)


def test_changed_passwords_are_stored_nowhere(
    desk: SessionHarness, client: ScriptedClient, tmp_path: Path
) -> None:
    model = desk.model
    sent, shelf, logs = (
        HistoryFile(tmp_path),
        DraftStore(tmp_path, model),
        LogFiles(model, tmp_path),
    )
    model.history.load((), sent.append)
    shelf.open("127.0.0.1", 9000, "alice")
    desk.session.submit("hello")
    client.expect("hello")
    client.say("[12:00:00] alice: hello")
    for typed in (f"/passwd {OLD} {NEW}", f"/passwd {OLD} x"):
        model.drafts.put("lobby", typed)
        shelf.save()
        desk.session.submit(typed)
        client.expect(typed)
    client.say(f"[SERVER] {replies.PASSWORD_CHANGED}", f"[ERROR] {replies.WRONG_PASSWORD}")
    desk.until_text(replies.WRONG_PASSWORD)
    ask(desk, client)
    client.say(f"[SERVER] {replies.PASSWORD_CHANGED}")
    desk.until_notice(events.PasswordChanged)
    shelf.save()
    logs.write()
    kept = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert "hello" in kept
    shown = f"{model.wire.since(0)} {model.wire.last_action} {desk.texts()} {desk.notices}"
    assert "/passwd ***" in shown
    history = [model.history[index] for index in range(len(model.history))]
    for where in (kept, shown, repr(history), repr(list(model.log))):
        assert OLD not in where
        assert NEW not in where


@pytest.mark.parametrize(
    "reason", [replies.LOGGED_OUT_ACCOUNT_DISABLED, operator_replies.kicked("enough")]
)
def test_session_ended_by_server_does_not_reconnect(
    desk: SessionHarness, client: ScriptedClient, reason: str
) -> None:
    client.say(f"[SERVER] {reason}")
    client.close()
    assert desk.until_notice(events.SignedOut) == events.SignedOut(reason)
    assert desk.model.connection.state is ConnectionState.OFFLINE


def test_timed_ban_delays_reconnect(
    desk: SessionHarness, server: ScriptedServer, client: ScriptedClient
) -> None:
    client.reset()

    def ban() -> None:
        banned = server.accept()
        banned.say(f"[ERROR] {operator_replies.banned(operator_replies.BANNED_ADDRESS, 600)}")
        banned.close()

    desk.during(ban)
    desk.until(lambda: (desk.model.connection.retry_in or 0) > 500)
    assert desk.model.connection.state is ConnectionState.WAITING


def test_announcement_is_added_to_current_log(desk: SessionHarness, client: ScriptedClient) -> None:
    client.say(f"[SERVER] {operator_replies.announcement('dave', 'back at noon')}")
    entry = desk.until_text("Announcement from dave: back at noon")
    assert (entry.kind, entry.author) == (EntryKind.ANNOUNCEMENT, "")
