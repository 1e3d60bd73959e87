"""Completion of partly typed commands, rooms and names."""

from __future__ import annotations

from datetime import datetime

import pytest

from chat_server.commands.registry import available_commands
from chat_server.wire.protocol import Message
from chat_tui import events
from chat_tui.input.known_commands import KNOWN_COMMANDS
from chat_tui.model.chat_model import ChatModel
from chat_tui.model.completion import MAX_COMPLETIONS, complete

COMMANDS = (
    "/join /leave /rooms /subscribe /unsubscribe /subs /who /msg /me /presence /help /quit /deploy "
    "/kick /ban /announce /passwd"
)


@pytest.fixture
def model() -> ChatModel:
    model = ChatModel(lambda: datetime(2026, 11, 22, 21))
    model.begin("127.0.0.1:9000", "dora")
    for event in (
        events.SignedIn("dora", tuple(COMMANDS.split())),
        events.RoomsListed((("lobby", 4), ("dev", 3), ("Deploys", None))),
        events.MembersListed("lobby", ("alice", "Albert", "bob", "dora")),
        events.SubscriptionsListed(("alice", "alba")),
    ):
        model.apply(event)
    return model


def texts(
    model: ChatModel, before: str, *, is_only_line: bool = True, explicit: bool = True
) -> list[str]:
    found = complete(model, before, is_only_line=is_only_line, explicit=explicit)
    if found is None:
        return []
    return [before[: len(before) - found.length] + choice.text for choice in found.completions]


@pytest.mark.parametrize(
    ("before", "becomes"),
    [
        ("/sub", ["/subscribe ", "/subs"]),
        ("/subs", ["/subs", "/subscribe "]),
        ("/SUB", ["/subscribe ", "/subs"]),
        ("/l", ["/leave"]),
        ("/dep", ["/deploy "]),
        ("/subscrbe", ["/subscribe "]),
        ("/jion", ["/join "]),
        ("/xyz", []),
        ("/join ", ["/join lobby ", "/join Deploys ", "/join dev "]),
        ("/join d", ["/join Deploys ", "/join dev "]),
        ("/who DE", ["/who Deploys ", "/who dev "]),
        ("/join dev x", []),
        ("/subscribe al", ["/subscribe Albert "]),
        ("/subscribe ", ["/subscribe Albert ", "/subscribe bob ", "/subscribe * "]),
        ("/unsubscribe a", ["/unsubscribe alice ", "/unsubscribe alba "]),
        ("/msg b", ["/msg bob "]),
        ("/msg bob see @al", [f"/msg bob see @{name} " for name in ("Albert", "alice", "alba")]),
        ("/me waves at @b", ["/me waves at @bob "]),
        ("/kick b", ["/kick bob "]),
        ("/ban b", ["/ban bob "]),
        ("/announce to @b", ["/announce to @bob "]),
        ("/passwd al", []),
        ("/passwd alice al", []),
        ("/passw", ["/passwd"]),
        ("/presence o", ["/presence on", "/presence off"]),
        ("/nonsense al", []),
        ("hello @al", [f"hello @{name} " for name in ("Albert", "alice", "alba")]),
        ("hello al", [f"hello {name} " for name in ("Albert", "alice", "alba")]),
        ("@do", []),
        ("hello ", []),
        ("", []),
        ("//sub", []),
    ],
)
def test_completion_offers_matching_commands_rooms_and_names(
    model: ChatModel, before: str, becomes: list[str]
) -> None:
    assert texts(model, before) == becomes


def test_every_server_command_is_in_known_commands() -> None:
    listed = list(available_commands(is_operator=True))
    assert set(listed) <= KNOWN_COMMANDS.keys()


def test_completion_offers_no_command_in_multiline_text(model: ChatModel) -> None:
    assert texts(model, "/sub", is_only_line=False) == []
    assert texts(model, "@bo", is_only_line=False) == ["@bob "]


def test_unrequested_completion_skips_bare_words_and_complete_commands(
    model: ChatModel,
) -> None:
    assert texts(model, "hello al", explicit=False) == []
    assert texts(model, "/leave", explicit=False) == []
    assert texts(model, "/le", explicit=False) == ["/leave"]
    assert texts(model, "hello @bo", explicit=False) == ["hello @bob "]


def test_completion_lists_recent_speaker_first(model: ChatModel) -> None:
    model.apply(events.MessageArrived("lobby", Message("21:00:00", "bob", "hi")))
    assert texts(model, "@")[0] == "@bob "


def test_completion_list_is_bounded(model: ChatModel) -> None:
    model.apply(events.MembersListed("lobby", tuple(f"user{n}" for n in range(5000))))
    assert len(texts(model, "@")) == MAX_COMPLETIONS
    assert texts(model, "x " * 1_000_000 + "@user12 "[:-1])[0].endswith("@user12 ")
