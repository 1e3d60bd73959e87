"""The encoder: outputs of the hub as lines of the text protocol.

The only module that turns the hub's values into bytes. It makes them once for all recipients of an
output, however many there are. A second format needs a second encoder and a split of the recipients
by format in `emit`; the hub does not change.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, Final, Generic, TypeVar

from chat_server.core import EndCause, EndNotice, RejectReason, values
from chat_server.wire import (
    cluster_replies,
    encode_actions,
    encode_error,
    encode_messages,
    encode_private,
    encode_replies,
    encode_stamped_actions,
    encode_stamped_messages,
    format_stamp,
    history_replies,
    operator_replies,
    replies,
)

ReceiverT = TypeVar("ReceiverT")

_MICROSECONDS_PER_SECOND: Final = 1_000_000


class TextEncoder(Generic[ReceiverT]):
    """An encoder of outputs as text lines, once for all recipients. Called under the hub's lock."""

    def __init__(self, deliver: Callable[[tuple[ReceiverT, ...], bytes, bool], None]) -> None:
        """`deliver(recipients, data, last)` may only append. `last`: accept no more for them."""
        self._deliver = deliver
        self._second = -1
        self._clock_text = ""

    def emit(self, recipients: tuple[ReceiverT, ...], output: values.Output[ReceiverT]) -> None:
        """Encode an output and hand it to the delivery for all `recipients`."""
        if type(output) is values.PublishedMessages:  # first, and without `match`: the hot path
            self._deliver(recipients, self._encode_messages(output), False)
        elif type(output) is values.Stamped:
            self._deliver(recipients, _encode_stamped(output.message), False)
        else:
            self._deliver(recipients, self._encode(output), type(output) is EndNotice)

    def _encode(self, output: values.Output[ReceiverT]) -> bytes:
        lines_of = _REPLY_LINES.get(type(output))
        if lines_of is not None:
            return encode_replies(lines_of(output))
        match output:
            case values.PrivateMessageSent(author, recipient, text, stamp, time_shown):
                return encode_private(self._clock(stamp, time_shown), author, recipient, text)
            case values.Rejected():
                return encode_error(_error_text(output))
            case values.EncodedLines(data):
                return data
            case values.SessionStarted():
                return _encode_greeting(output.commands)
        raise TypeError(type(output).__name__)

    def _encode_messages(self, run: values.PublishedMessages) -> bytes:
        """Encode a run. All of it was published at one time."""
        _, author, texts, stamp, is_action, time_shown = run
        encode = encode_actions if is_action else encode_messages
        return encode(self._clock(stamp, time_shown), author, texts)

    def _clock(self, stamp: int, time_shown: int | None) -> str:
        """Return the time to show as `HH:MM:SS` in the server's local time.

        The zone is looked up once a second, not for every message. On a quiet server, whose code
        and data have left the caches by the time a message comes, the look-up took 21 of the 130 us
        from the socket to the first send.
        """
        second = (stamp if time_shown is None else time_shown) // _MICROSECONDS_PER_SECOND
        if second != self._second:
            self._second = second
            self._clock_text = time.strftime("%H:%M:%S", time.localtime(second))
        return self._clock_text


def _encode_stamped(message: values.PublishedMessages | values.PrivateMessageSent) -> bytes:
    """Encode messages with their stamps as times."""
    if isinstance(message, values.PrivateMessageSent):
        stamp = format_stamp(message.stamp)
        return encode_private(stamp, message.author, message.recipient, message.text)
    encode = encode_stamped_actions if message.is_action else encode_stamped_messages
    return encode(message.stamp, message.author, message.texts)


def _unread_list(output: values.UnreadList) -> list[str]:
    lines = history_replies.unread(output.places)
    if output.not_kept_before:
        lines.append(history_replies.not_kept_before(format_stamp(output.not_kept_before)))
    return lines


_ERROR_TEXTS: Final = {
    RejectReason.LINE_TOO_LONG: replies.LINE_TOO_LONG,
    RejectReason.LINE_NOT_UTF8: replies.LINE_NOT_UTF8,
    RejectReason.LINE_TRUNCATED: replies.LINE_TRUNCATED,
    RejectReason.INVALID_BAN_MINUTES: operator_replies.BAD_MINUTES,
    RejectReason.TOO_MANY_BANS: operator_replies.TOO_MANY_BANS,
    RejectReason.WRONG_PASSWORD: replies.WRONG_PASSWORD,
    RejectReason.DEMO_PASSWORD: replies.DEMO_PASSWORD_REFUSED,
    RejectReason.ACCOUNTS_BUSY: replies.ACCOUNTS_BUSY,
    RejectReason.PASSWORD_NOT_STORED: replies.PASSWORD_NOT_STORED,
    RejectReason.INVALID_COUNT: history_replies.BAD_COUNT,
    RejectReason.SEARCH_TOO_SLOW: history_replies.SEARCH_TOO_SLOW,
    RejectReason.HISTORY_UNAVAILABLE: history_replies.HISTORY_UNAVAILABLE,
}

_ERRORS_WITH_SUBJECT: Final[dict[RejectReason, Callable[[str], str]]] = {
    RejectReason.UNKNOWN_COMMAND: replies.unknown_command,
    RejectReason.OPERATORS_ONLY: operator_replies.operators_only,
    RejectReason.USAGE: replies.usage,
    RejectReason.INVALID_ROOM_NAME: replies.invalid_room,
    RejectReason.NO_SUCH_ROOM: replies.no_such_room,
    RejectReason.NO_SUCH_USER: replies.no_such_user,
    RejectReason.NOT_LOGGED_IN: operator_replies.not_logged_in,
    RejectReason.NOT_BANNED: operator_replies.not_banned,
    RejectReason.NOT_DELIVERED: replies.not_delivered,
    RejectReason.TOO_MANY_WAITING: history_replies.too_many_waiting,
    RejectReason.NO_SUCH_TIME: history_replies.no_such_time,
    RejectReason.NOTHING_TO_ERASE: history_replies.nothing_to_erase,
    RejectReason.BAN_OF_OPERATOR: partial(operator_replies.cannot_ban, reason="an operator"),
    RejectReason.BAN_OF_OWN_ADDRESS: partial(
        operator_replies.cannot_ban, reason="your own address"
    ),
    RejectReason.BAN_OF_LOOPBACK: partial(operator_replies.cannot_ban, reason="this machine"),
    RejectReason.BAN_OF_TRUSTED_NETWORK: partial(
        operator_replies.cannot_ban, reason="a trusted network"
    ),
    RejectReason.PASSWORD_RULE: str,
}


def _error_text(rejected: values.Rejected) -> str:
    reason = rejected.reason
    if reason is RejectReason.TOO_MANY_FAILURES:
        return replies.too_many_failures(rejected.retry_after)
    if reason is RejectReason.SIMILAR_ROOM:
        return replies.similar_room(rejected.subject, rejected.other)
    if reason in _ERRORS_WITH_SUBJECT:
        return _ERRORS_WITH_SUBJECT[reason](rejected.subject)
    return _ERROR_TEXTS[reason]


_END_TEXTS: Final = {
    EndCause.NEW_LOGIN: replies.LOGGED_OUT_BY_NEW_LOGIN,
    EndCause.ACCOUNT_REMOVED: replies.LOGGED_OUT_ACCOUNT_REMOVED,
    EndCause.ACCOUNT_DISABLED: replies.LOGGED_OUT_ACCOUNT_DISABLED,
    EndCause.QUIT: replies.GOODBYE,
    EndCause.SHUTDOWN: replies.SHUTTING_DOWN,
}


def _end_lines(notice: EndNotice) -> Sequence[str]:
    last = _end_text(notice)
    return (cluster_replies.messages_unsent(notice.unsent), last) if notice.unsent else (last,)


def _end_text(notice: EndNotice) -> str:
    match notice.cause:
        case EndCause.KICKED:
            return operator_replies.kicked(notice.reason)
        case EndCause.ACCOUNT_BANNED:
            return operator_replies.kicked(
                f"banned {operator_replies.ban_duration(notice.minutes)}"
            )
        case EndCause.ADDRESS_BANNED:
            duration = operator_replies.ban_duration(notice.minutes)
            return operator_replies.kicked(f"your address is banned {duration}")
        case cause:
            return _END_TEXTS[cause]


@lru_cache(maxsize=8)
def _encode_greeting(commands: tuple[str, ...]) -> bytes:
    """Encode the reply to a login. There are two: with the commands of operators, and without."""
    return encode_replies([replies.LOGIN_SUCCESSFUL, *replies.available_commands(commands)])


# One look-up instead of a `match` with a case for each: commands are frequent enough to notice.
_REPLY_LINES: Final[dict[type, Callable[[Any], Sequence[str]]]] = {
    values.Joined: lambda output: (replies.joined(output.room),),
    values.AlreadyInRoom: lambda output: (replies.already_in(output.room),),
    values.Subscribed: lambda output: (replies.subscribed(output.publisher),),
    values.Unsubscribed: lambda output: (replies.unsubscribed(output.publisher),),
    values.PresenceSet: lambda output: (replies.presence(output.on),),
    values.DeliveryReceipt: lambda output: (replies.sent_to(output.recipient),),
    values.KeptReceipt: lambda output: (history_replies.kept_for(output.recipient),),
    values.StampsSet: lambda output: (history_replies.stamps(output.on),),
    values.UnreadNoticesSet: lambda output: (history_replies.unread_notices(output.on),),
    values.UnreadList: _unread_list,
    values.MessagesErased: lambda output: (history_replies.erased(output.count, output.author),),
    values.CommandHelp: lambda output: [replies.help_line(*each) for each in output.commands],
    values.PasswordChanged: lambda output: (replies.PASSWORD_CHANGED,),
    values.UserKicked: lambda output: (operator_replies.kick_reply(output.user),),
    values.BanStarted: lambda output: (operator_replies.ban_reply(output.subject, output.minutes),),
    values.BanEnded: lambda output: (operator_replies.unban_reply(output.subject),),
    values.RoomList: lambda output: replies.active_rooms(output.rooms),
    values.MemberList: lambda output: replies.members(output.room, list(output.names)),
    values.SubscriptionList: lambda output: replies.subscriptions(list(output.names)),
    values.MemberJoined: lambda output: (replies.person_joined(output.user, output.room),),
    values.MemberLeft: lambda output: (replies.person_left(output.user, output.room),),
    values.RoomOpened: lambda output: (replies.room_opened(output.room),),
    values.RoomClosed: lambda output: (replies.room_closed(output.room),),
    values.Announced: lambda output: (operator_replies.announcement(output.author, output.text),),
    values.ServersReachable: lambda output: (
        replies.SERVERS_CONNECTED if output.is_reachable else replies.SERVERS_DISCONNECTED,
    ),
    EndNotice: _end_lines,
}
"""The text lines of each output that is a reply or a notice, by its type."""
