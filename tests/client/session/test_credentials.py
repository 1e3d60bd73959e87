"""A session whose password changes: credentials for the reconnect; no password is ever shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from chat_server.wire import operator_replies, replies
from chat_tui import events
from chat_tui.events import ConnectionState
from chat_tui.model.entries import EntryKind
from chat_tui.session.credentials import CHANGED_AFTER_ALL, NOT_CHANGED, UNCERTAIN
from chat_tui.storage.draft_store import DraftStore
from chat_tui.storage.history_file import HistoryStore
from chat_tui.storage.log_files import LogFiles
from chat_tui.storage.problems import StorageProblems
from tests.support.scripted_server import ScriptedClient, ScriptedServer
from tests.support.session_harness import SessionHarness

WITH_PASSWD = ("/passwd",)
OLD, NEW = "secret", "correct-horse"


@pytest.fixture
def client(harness: SessionHarness, server: ScriptedServer) -> ScriptedClient:
    return harness.sign_in(server, more=WITH_PASSWD)


def request_change(harness: SessionHarness, client: ScriptedClient) -> None:
    harness.session.change_password(OLD, NEW)
    client.expect(f"/passwd {OLD} {NEW}")


def reject(server: ScriptedServer, password: str) -> None:
    """Reject the next client, which signs in with this password."""
    client = server.accept()
    client.send(f"[SERVER] {replies.LOGIN_PROMPT}")
    client.expect(f"LOGIN alice {password}")
    client.send(f"[ERROR] {replies.AUTHENTICATION_FAILED}")
    client.close()


def test_reconnect_uses_new_password_after_change(
    harness: SessionHarness, server: ScriptedServer, client: ScriptedClient
) -> None:
    request_change(harness, client)
    client.send(f"[SERVER] {replies.PASSWORD_CHANGED}")
    assert harness.until_notice(events.PasswordChanged).new == NEW
    client.reset()
    harness.run_while(lambda: server.accept_login(password=NEW, more=WITH_PASSWD))
    harness.until_state(ConnectionState.ONLINE)


def test_reconnect_uses_new_password_after_typed_passwd_command(
    harness: SessionHarness, server: ScriptedServer, client: ScriptedClient
) -> None:
    harness.session.submit(f"/passwd {OLD} {NEW}")
    client.expect(f"/passwd {OLD} {NEW}")
    client.send(f"[SERVER] {replies.PASSWORD_CHANGED}")
    harness.until_text(replies.PASSWORD_CHANGED)
    client.reset()
    harness.run_while(lambda: server.accept_login(password=NEW, more=WITH_PASSWD))
    harness.until_state(ConnectionState.ONLINE)


@pytest.mark.parametrize(
    "reason", [replies.WRONG_PASSWORD, "A password has at least 8 bytes; this one has 3."]
)
def test_failed_password_change_keeps_old_password(
    harness: SessionHarness, server: ScriptedServer, client: ScriptedClient, reason: str
) -> None:
    request_change(harness, client)
    client.send(f"[ERROR] {reason}")
    assert harness.until_notice(events.PasswordChangeFailed).reason == reason
    assert harness.texts() == []
    client.reset()
    harness.run_while(lambda: server.accept_login(password=OLD, more=WITH_PASSWD))
    harness.until_state(ConnectionState.ONLINE)


def test_uncertain_password_change_tries_new_password_first(
    harness: SessionHarness, server: ScriptedServer, client: ScriptedClient
) -> None:
    request_change(harness, client)
    client.reset()
    harness.until_notice(events.PasswordChangeUncertain)
    assert harness.until_text(UNCERTAIN).kind is EntryKind.ERROR
    harness.run_while(lambda: server.accept_login(password=NEW, more=WITH_PASSWD))
    harness.until_notice(events.PasswordChanged)
    harness.until_text(CHANGED_AFTER_ALL)


def test_uncertain_password_change_falls_back_to_old_password(
    harness: SessionHarness, server: ScriptedServer, client: ScriptedClient
) -> None:
    request_change(harness, client)
    client.reset()
    harness.until_notice(events.PasswordChangeUncertain)
    harness.run_while(lambda: reject(server, NEW))
    again = harness.run_while(lambda: server.accept_login(password=OLD, more=WITH_PASSWD))
    assert harness.until_notice(events.PasswordChangeFailed).reason == NOT_CHANGED
    harness.until_state(ConnectionState.ONLINE)
    assert NOT_CHANGED in harness.texts()
    again.reset()
    harness.run_while(lambda: server.accept_login(password=OLD, more=WITH_PASSWD))
    harness.until_state(ConnectionState.ONLINE)


def test_uncertain_password_change_ends_session_if_both_passwords_fail(
    harness: SessionHarness, server: ScriptedServer, client: ScriptedClient
) -> None:
    request_change(harness, client)
    client.reset()
    harness.run_while(lambda: reject(server, NEW))
    harness.run_while(lambda: reject(server, OLD))
    assert not harness.until_notice(events.SignInFailed).retry
    assert harness.model.connection.state is ConnectionState.OFFLINE


def test_ban_during_uncertain_password_change_stops_retries(
    harness: SessionHarness, server: ScriptedServer, client: ScriptedClient
) -> None:
    request_change(harness, client)
    client.reset()

    def ban() -> None:
        banned = server.accept()
        banned.send(f"[ERROR] {operator_replies.banned(operator_replies.BANNED_ADDRESS, None)}")
        banned.close()

    harness.run_while(ban)
    assert harness.until_notice(events.SignInFailed).reason == operator_replies.BANNED_ADDRESS


def test_change_password_fails_while_disconnected(harness: SessionHarness) -> None:
    harness.session.change_password(OLD, NEW)
    harness.until_notice(events.PasswordChangeFailed)


def test_changed_passwords_are_stored_nowhere(
    harness: SessionHarness, client: ScriptedClient, tmp_path: Path
) -> None:
    model = harness.model
    sent, draft_store, logs = (
        HistoryStore(tmp_path, model, StorageProblems()),
        DraftStore(tmp_path, model),
        LogFiles(model, tmp_path),
    )
    sent.open("127.0.0.1", 9000, "alice")
    draft_store.open("127.0.0.1", 9000, "alice")
    harness.session.submit("hello")
    client.expect("hello")
    client.send("[12:00:00] alice: hello")
    for typed in (f"/passwd {OLD} {NEW}", f"/passwd {OLD} x"):
        model.drafts.put("lobby", typed)
        draft_store.save()
        harness.session.submit(typed)
        client.expect(typed)
    client.send(f"[SERVER] {replies.PASSWORD_CHANGED}", f"[ERROR] {replies.WRONG_PASSWORD}")
    harness.until_text(replies.WRONG_PASSWORD)
    request_change(harness, client)
    client.send(f"[SERVER] {replies.PASSWORD_CHANGED}")
    harness.until_notice(events.PasswordChanged)
    draft_store.save()
    logs.write()
    stored = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert "hello" in stored
    shown = f"{model.wire.since(0)} {model.wire.last_action} {harness.texts()} {harness.notices}"
    assert "/passwd ***" in shown
    history = [model.history[index] for index in range(len(model.history))]
    for text in (stored, shown, repr(history), repr(list(model.log))):
        assert OLD not in text
        assert NEW not in text


@pytest.mark.parametrize(
    "reason", [replies.LOGGED_OUT_ACCOUNT_DISABLED, operator_replies.kicked("enough")]
)
def test_session_ended_by_server_does_not_reconnect(
    harness: SessionHarness, client: ScriptedClient, reason: str
) -> None:
    client.send(f"[SERVER] {reason}")
    client.close()
    assert harness.until_notice(events.SignedOut) == events.SignedOut(reason)
    assert harness.model.connection.state is ConnectionState.OFFLINE


def test_timed_ban_delays_reconnect(
    harness: SessionHarness, server: ScriptedServer, client: ScriptedClient
) -> None:
    client.reset()

    def ban() -> None:
        banned = server.accept()
        banned.send(f"[ERROR] {operator_replies.banned(operator_replies.BANNED_ADDRESS, 600)}")
        banned.close()

    harness.run_while(ban)
    harness.until(lambda: (harness.model.connection.retry_in or 0) > 500)
    assert harness.model.connection.state is ConnectionState.WAITING


def test_announcement_is_added_to_current_log(
    harness: SessionHarness, client: ScriptedClient
) -> None:
    client.send(f"[SERVER] {operator_replies.announcement('dave', 'back at noon')}")
    entry = harness.until_text("Announcement from dave: back at noon")
    assert (entry.kind, entry.author) == (EntryKind.ANNOUNCEMENT, "")
