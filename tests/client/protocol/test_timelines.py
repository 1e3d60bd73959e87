"""The proofs of own messages: from which stamp on, and how many of the same text are skipped."""

from __future__ import annotations

from chat_server.wire.stamps import format_stamp
from chat_tui.events import DeliveryProof
from chat_tui.protocol.timelines import Timeline


def proof(after: int, skip: int) -> DeliveryProof:
    return DeliveryProof(format_stamp(after), skip)


def test_message_has_no_proof_before_the_log_is_complete() -> None:
    timeline = Timeline()
    assert timeline.sending(1, "ok") is None
    timeline.settled()
    timeline.caught_up()
    assert timeline.sending(2, "ok") == proof(0, 0)


def test_message_on_its_way_may_be_newer_than_what_arrives_meanwhile() -> None:
    timeline = Timeline()
    timeline.caught_up()
    assert timeline.sending(3, "ok") == proof(0, 0)
    assert timeline.live(100, is_complete=True)
    assert timeline.sending(4, "ok") == proof(0, 1)
    assert timeline.sending(5, "else") == proof(0, 0)
    for stamp in (101, 102, 103):
        timeline.settled()
        timeline.live(stamp, is_complete=True, is_echo=True)
    assert timeline.sending(6, "ok") == proof(103, 0)


def test_private_message_of_this_connection_may_be_newer_than_the_last_page() -> None:
    timeline = Timeline(is_private=True)
    timeline.caught_up()
    assert timeline.sending(7, "ok") == proof(0, 0)
    timeline.settled()  # confirmed, but without a stamp
    timeline.caught_up()
    assert timeline.sending(8, "ok") == proof(0, 1)
    timeline.connected(has_history=True)
    timeline.caught_up()  # the page has both
    assert timeline.sending(9, "ok") == proof(0, 0)


def test_nothing_is_proved_by_a_server_that_keeps_nothing() -> None:
    timeline = Timeline()
    timeline.caught_up()
    timeline.connected(has_history=False)
    assert timeline.sending(10, "ok") is None


def test_withdrawn_message_is_not_counted() -> None:
    timeline = Timeline()
    timeline.caught_up()
    timeline.sending(11, "ok")
    timeline.withdrawn(11)
    assert timeline.sending(12, "ok") == proof(0, 0)
