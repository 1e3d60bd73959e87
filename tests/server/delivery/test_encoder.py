"""The encoder: clock times in the server's zone, and one piece of bytes for each run."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import get_args, get_origin

import pytest

from chat_server.core import reload_time_zone, values
from chat_server.delivery import encoder
from chat_server.delivery.encoder import TextEncoder


@pytest.fixture(autouse=True)
def zone_with_summer_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


SUMMER_TIME_ENDS = 1_792_890_000_000_000  # 2026-10-25 01:00 UTC: 03:00 +02:00 becomes 02:00 +01:00
SECOND = 1_000_000


class Reader:
    """A recipient with its own encoder. Keeps what it receives."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, bool]] = []
        self._encoder: TextEncoder[Reader] = TextEncoder(
            lambda recipients, data, last: self.sent.append((data, last))
        )

    def read(self, output: values.Output["Reader"]) -> str:
        """Return the lines of an output, which has to come in one piece."""
        self._encoder.emit((self,), output)
        ((data, _),) = self.sent
        self.sent.clear()
        return data.decode()


def messages_at(stamp: int, *texts: str) -> values.PublishedMessages:
    return values.PublishedMessages("lobby", "alice", texts or ("hi",), stamp)


@pytest.mark.parametrize("microseconds", [-500_000, -1, 0, 250_000, 3600 * SECOND])
def test_message_time_is_local_across_dst_change(microseconds: int) -> None:
    reader = Reader()
    assert reader.read(messages_at(SUMMER_TIME_ENDS - 10 * SECOND)) == "[02:59:50] alice: hi\n"
    stamp = SUMMER_TIME_ENDS + microseconds
    local = datetime.fromtimestamp(stamp // SECOND, UTC).astimezone()
    assert local.utcoffset() == datetime.fromtimestamp(stamp // SECOND).astimezone().utcoffset()
    assert reader.read(messages_at(stamp)) == f"[{local:%H:%M:%S}] alice: hi\n"
    assert local.hour == (2 if microseconds < 3600 * SECOND else 3)


def test_message_time_follows_stamp_set_back() -> None:
    reader = Reader()
    assert reader.read(messages_at(SUMMER_TIME_ENDS)) == "[02:00:00] alice: hi\n"
    assert reader.read(messages_at(SUMMER_TIME_ENDS - 3600 * SECOND)) == "[02:00:00] alice: hi\n"
    assert reader.read(messages_at(SUMMER_TIME_ENDS - 3601 * SECOND)) == "[01:59:59] alice: hi\n"


def test_run_shows_its_time_whatever_its_stamps_are() -> None:
    stamp = SUMMER_TIME_ENDS + SECOND - 2
    assert Reader().read(messages_at(stamp, "one", "two", "three")) == (
        "[02:00:00] alice: one\n[02:00:00] alice: two\n[02:00:00] alice: three\n"
    )
    run = messages_at(stamp, "one", "two", "three")._replace(time=SUMMER_TIME_ENDS - SECOND)
    assert Reader().read(run) == (
        "[02:59:59] alice: one\n[02:59:59] alice: two\n[02:59:59] alice: three\n"
    )


def test_message_time_follows_a_new_zone_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader()
    assert reader.read(messages_at(SUMMER_TIME_ENDS)) == "[02:00:00] alice: hi\n"
    monkeypatch.setenv("TZ", "EST5")
    reload_time_zone()
    assert reader.read(messages_at(SUMMER_TIME_ENDS + SECOND)) == "[20:00:01] alice: hi\n"


def test_stamp_just_before_midnight_is_not_rounded_up() -> None:
    midnight = int(datetime(2026, 11, 22).timestamp()) * SECOND
    assert Reader().read(messages_at(midnight - 1)) == "[23:59:59] alice: hi\n"


def test_only_end_notice_is_last_output() -> None:
    reader = Reader()
    text_encoder: TextEncoder[Reader] = TextEncoder(
        lambda recipients, data, last: reader.sent.append((data, last))
    )
    text_encoder.emit((reader,), values.Joined("alice", "dev"))
    text_encoder.emit((reader,), values.EndNotice(values.EndCause.KICKED, "spam"))
    assert reader.sent == [
        (b"[SERVER] Joined room 'dev'\n", False),
        (b"[SERVER] Logged out by an operator: spam\n", True),
    ]


@pytest.mark.parametrize(
    ("notice", "text"),
    [
        (values.EndNotice(values.EndCause.KICKED), "Logged out by an operator"),
        (
            values.EndNotice(values.EndCause.ACCOUNT_BANNED, minutes=5),
            "Logged out by an operator: banned for 5 min",
        ),
        (
            values.EndNotice(values.EndCause.ADDRESS_BANNED),
            "Logged out by an operator: your address is banned until the server stops",
        ),
    ],
)
def test_end_notice_of_operator_names_reason_or_duration(
    notice: values.EndNotice, text: str
) -> None:
    assert Reader().read(notice) == f"[SERVER] {text}\n"


def test_every_output_can_be_encoded() -> None:
    """Tie the table of the encoder to the union of the outputs."""
    apart = {
        values.EncodedLines,
        values.PublishedMessages,
        values.PrivateMessageSent,
        values.Rejected,
        values.SessionStarted,
        values.Stamped,
    }
    kinds = {get_origin(kind) or kind for kind in get_args(values.Output)}
    assert encoder._REPLY_LINES.keys() == kinds - apart


@pytest.mark.parametrize("reason", values.RejectReason)
def test_every_rejection_is_one_error_line(reason: values.RejectReason) -> None:
    line = Reader().read(values.Rejected(reason, "subject", retry_after=5))
    assert line.startswith("[ERROR] ")
    assert line.count("\n") == 1
