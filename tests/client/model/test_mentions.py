"""Mentions: places in a text that name the user, and not another word or name."""

import time

import pytest

from chat_tui import events
from chat_tui.model.chat_model import ChatModel
from chat_tui.model.mentions import Mentions


def mentions_of(user: str, *names: str, keywords: tuple[str, ...] = ()) -> Mentions:
    mentions = Mentions()
    mentions.configure(user=user, keywords=keywords)
    mentions.know(names)
    return mentions


@pytest.mark.parametrize(
    "text",
    [
        "名前さん",
        "@名前は",
        "お疲れ様です名前さん、よろしく",
        "はい@名前",
        "「名前」",
        "OK名前",
        "名前、名前さん",
    ],
)
def test_name_is_found_where_no_spaces_are_written(text: str) -> None:
    assert mentions_of("名前").matches(text)


@pytest.mark.parametrize(
    "text",
    [
        "bobさん",
        "bobครับ",
        "bob가",
        "bob: hi",
        "hi bob.",
        "bob's",
        "bob…",
        "bob—look",
        "_bob_",
        "__bob__!",
        "*bob*",
        "(bob)",
        "bob-",
        "@bob",
        "@bob@ look",
        "BOB!",
        "ｂｏｂ",
        "hi\u00a0bob\u3000look",
        "alice/bob: look",
        "bob/alice/carol",
        "see https://bob.example/bob, bob",
        "`x` bob `y`",
    ],
)
def test_name_next_to_signs_is_found(text: str) -> None:
    assert mentions_of("bob", "alice", "carol").matches(text)


@pytest.mark.parametrize(
    "text",
    [
        "bob-2: hi",
        "bob.smith: hi",
        "bob_x",
        "bob_: hi",
        "_bob: hi",
        "x_bob_y",
        "x-bob",
        "bobby",
        "kabob",
        "bob2",
        "böbob",
        "bob\u0301",
        "bob@example.org",
        "alice@bob.example",
        "https://example.org/bob",
        "see http://bob.example",
        "/home/bob/x",
        "~/bob",
        "src/bob",
        "bob/main.py",
        "C:\\bob",
        "#bob",
        "$bob",
        "`bob`",
        "``a ` bob``",
        "боbob",
    ],
)
def test_part_of_something_else_is_not_a_mention(text: str) -> None:
    assert not mentions_of("bob", "alice").matches(text)


def test_longest_known_name_wins() -> None:
    mentions = mentions_of("名前", "名前子", "太名前")
    assert not mentions.matches("名前子さん")
    assert not mentions.matches("太名前さん")
    assert mentions.matches("名前子さん、名前さん")
    assert not mentions_of("bob", "bob-").matches("bob- hi")


def test_names_become_known_as_people_join_and_write() -> None:
    model = ChatModel()
    model.begin("127.0.0.1:9000", "名前")
    assert model.mentions.matches("名前子さん")
    model.apply(events.PersonJoined("名前子", "lobby"))
    assert not model.mentions.matches("名前子さん")


def test_mention_is_found_in_any_unicode_form_and_with_any_space() -> None:
    assert mentions_of("José").matches("JOSE\u0301, look")
    mentions = mentions_of("bob", keywords=("red build",))
    text = "a  Red\u3000\u00a0Build!"
    assert [text[a:b] for a, b in mentions.finder.spans(text)] == ["Red\u3000\u00a0Build"]


def test_finder_changes_only_with_a_name_that_holds_the_users() -> None:
    mentions = mentions_of("bob")
    before = mentions.finder
    mentions.know(["alice", "carol"])
    assert mentions.finder is before
    mentions.know(["bob-2"])
    assert mentions.finder != before


def test_search_takes_about_as_long_with_many_longer_names() -> None:
    def seconds(count: int) -> float:
        """Return the CPU time of a search with this many names, the best of five."""
        mentions = mentions_of("bob", *(f"bob{number:05}" for number in range(count)))
        times = []
        for _ in range(5):
            start = time.thread_time()
            assert not mentions.matches("bob" * 1_000)
            times.append(time.thread_time() - start)
        return min(times)

    assert seconds(1_900) < 5 * seconds(20)
