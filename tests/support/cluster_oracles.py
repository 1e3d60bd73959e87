"""What must be true of everything that clients have sent and read. Pure functions.

They know nothing of servers. So the tests can prove that they find a message that was dropped,
doubled or swapped.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, NamedTuple

CHAIN_SIZE: Final = 8
"""Characters of the chain of an entry."""


class Message(NamedTuple):
    """A message as a client has read it. Its text names the session and counts from 0."""

    stamp: str
    author: str
    session: int
    """Sessions of all users are counted in the order in which their clients connected."""
    number: int

    @property
    def key(self) -> tuple[str, int, int]:
        """What no other message has, whatever its stamp is."""
        return self[1:]


@dataclass
class SentLog:
    """What one session has published."""

    author: str
    session: int
    count: int = 0
    """It has sent the numbers below this one."""
    is_complete: bool = True
    """All of it must be published. False: the session was ended by others, or its node was. Then a
    beginning of it must be published, of any length, and the same for every reader."""


@dataclass
class ReadLog:
    """What one session has read. It was in the room, and followed all authors, all the time."""

    reader: str
    messages: list[Message] = field(default_factory=list)


def find_faults(
    sent: Sequence[SentLog], read: Sequence[ReadLog], *, is_one_order: bool = True
) -> list[str]:
    """Return what is wrong, one line for each fault. Empty: nothing was lost, doubled or reordered.

    `is_one_order`: all readers read the same messages in the same order, with the same stamps. That
    is not so if the log has lost entries that some nodes had applied.
    """
    faults = [fault for log in read for fault in _faults_of_reader(sent, log)]
    for first, second in pairwise(read):
        if is_one_order:
            faults += _difference(first, second)
        elif {m.key for m in first.messages} != {m.key for m in second.messages}:
            faults.append(f"{first.reader} and {second.reader} have read different messages")
    return faults


def _faults_of_reader(sent: Sequence[SentLog], log: ReadLog) -> Iterator[str]:
    numbers: dict[tuple[str, int], list[int]] = defaultdict(list)
    newest_session: dict[str, int] = {}
    seen: set[int] = set()
    for message in log.messages:
        numbers[message.author, message.session].append(message.number)
        if newest_session.get(message.author) != message.session:
            if message.session in seen:
                yield f"{log.reader} reads {message} after one of a newer login"
            seen.add(message.session)
            newest_session[message.author] = message.session
    known = {(each.author, each.session): each for each in sent}
    for sender, read in numbers.items():
        if sender not in known:
            yield f"{log.reader} reads {sender}, which no client has sent"
        elif read != list(range(len(read))):
            yield f"{log.reader} reads of {sender} {_describe(read)}"
        elif len(read) > known[sender].count:
            yield f"{log.reader} reads {len(read)} of {sender}, which has sent fewer"
    for sender, each in known.items():
        if each.is_complete and len(numbers[sender]) < each.count:
            yield f"{log.reader} reads {len(numbers[sender])} of {each.count} of {sender}"


def _describe(numbers: Sequence[int]) -> str:
    """Return the first place at which the numbers are not 0, 1, 2 and so on."""
    expected = next(n for n, number in enumerate(numbers) if number != n)
    kind = "again" if numbers[expected] in numbers[:expected] else "out of order, or after a gap:"
    return f"{kind} {numbers[expected]} instead of {expected}"


def _difference(first: ReadLog, second: ReadLog) -> Iterator[str]:
    """Return the first place at which two readers have read different messages."""
    for place, (one, other) in enumerate(zip(first.messages, second.messages, strict=False)):
        if one != other:
            yield f"message {place}: {first.reader} reads {one}, {second.reader} reads {other}"
            return
    if len(first.messages) != len(second.messages):
        yield (
            f"{first.reader} reads {len(first.messages)} messages, "
            f"{second.reader} reads {len(second.messages)}"
        )


def state_differences(states: Mapping[str, object]) -> list[str]:
    """Return where the replicated states of nodes differ, by the name of the node."""
    names = list(states)
    return [
        f"{one} and {other} differ at {place}"
        for one, other in pairwise(names)
        for place in _differences(states[one], states[other], "state")
    ]


def _differences(one: object, other: object, place: str) -> Iterator[str]:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in sorted({*one, *other}, key=str):
            if key not in one or key not in other:
                yield f"{place}.{key}: only one has it"
            else:
                yield from _differences(one[key], other[key], f"{place}.{key}")
    elif one != other:
        yield f"{place}: {one!r} and {other!r}"


def log_faults(entries: Sequence[Mapping[str, str]]) -> list[str]:
    """Return what is wrong with the entries of the log: each is counted, and each number is once.

    Each contains the chain of the entry before, if they have chains.
    The numbers of a node may have gaps: the script uses up that of an entry that it rejects.
    """
    faults = []
    newest: dict[str, int] = {}
    for before, entry in pairwise(entries):
        if int(entry["n"]) != int(before["n"]) + 1:
            faults.append(f"entry {entry['n']} comes after {before['n']}")
        if entry.get("c", "")[:CHAIN_SIZE] != before.get("c", "")[CHAIN_SIZE:]:
            faults.append(f"entry {entry['n']} does not belong to the one before")
    for entry in entries:
        node, number = entry["o"], int(entry["s"])
        if node and number <= newest.get(node, 0):
            faults.append(f"entry {entry['n']} is number {number} of {node} after {newest[node]}")
        newest[node] = number
    return faults
