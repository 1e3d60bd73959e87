"""The hues of authors: distinct while there are free ones, and stable."""

from chat_tui.model.author_hues import HUES, AuthorHues, author_hue

NAMES = [f"user{number}" for number in range(200)]


def test_twelve_people_of_a_room_have_twelve_hues() -> None:
    assert HUES >= 12
    hues = AuthorHues()
    assert sorted(hues.spoke(name) for name in NAMES[:HUES]) == list(range(HUES))


def test_hue_of_a_name_stays_while_others_come() -> None:
    hues = AuthorHues()
    before = {name: hues.spoke(name) for name in NAMES[:HUES]}
    for name in NAMES:
        hues.spoke(name)
    assert {name: hues.of(name) for name in before} == before


def test_new_author_gets_least_recently_used_hue_when_none_is_free() -> None:
    hues = AuthorHues()
    for name in NAMES[:HUES]:
        hues.spoke(name)
    hues.spoke(NAMES[0])  # now user1 is the one who has been silent the longest
    assert hues.spoke("late") == hues.of(NAMES[1])


def test_name_has_the_same_hue_in_every_log_of_a_session_if_it_is_free() -> None:
    session: dict[str, int] = {}
    one, two = AuthorHues(session), AuthorHues(session)
    rivals = [name for name in NAMES if author_hue(name) == author_hue(NAMES[0])][:2]
    one.spoke(rivals[0])
    moved = one.spoke(rivals[1])
    assert moved != one.of(rivals[0])
    assert two.spoke(rivals[1]) == moved
    assert two.spoke(rivals[0]) == one.of(rivals[0])


def test_hues_of_invented_names_are_bounded() -> None:
    session: dict[str, int] = {}
    hues = AuthorHues(session)
    for number in range(2_000):
        hues.spoke(f"invented{number}")
    assert len(session) <= 500
