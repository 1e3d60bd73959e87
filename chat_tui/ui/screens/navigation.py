"""Which places one can walk through, in the order in which they are listed. Pure."""

from __future__ import annotations

from chat_tui.model import ChatModel, conversation_place


def next_place(model: ChatModel, step: int) -> str:
    """The room or conversation `step` rows below the one that is written to, around the end."""
    places = [room.name for room in model.rooms.listed()]
    places += [conversation_place(person) for person in model.conversations.listed()]
    here = places.index(model.compose_target) if model.compose_target in places else 0
    return places[(here + step) % len(places)]


def unread_conversation(model: ChatModel) -> bool:
    """Whether somebody said something to us alone that we have not looked at."""
    return any(
        model.unread.count(conversation_place(person)) for person in model.conversations.listed()
    )


def next_conversation(model: ChatModel) -> str:
    """With whom the next one is: one with something unread first; empty where there is none."""
    people = model.conversations.listed()
    if not people:
        return ""
    after = people.index(model.private_with) + 1 if model.private_with in people else 0
    around = people[after:] + people[:after]
    return next((one for one in around if model.unread.count(conversation_place(one))), around[0])
