"""What is said in the pictures: time, author, text."""

from __future__ import annotations

from typing import Final

SCRIPT: Final = (
    ("20:58:10", "carol", "good evening, everyone"),
    ("20:58:41", "alice", "hello carol! back from the trip?"),
    ("20:59:02", "carol", "an hour ago, and already at the keyboard"),
    ("21:03:20", "bob", "did anyone see the build?"),
    ("21:03:44", "alice", "yes, it is red again"),
    (
        "21:04:05",
        "carol",
        "looking now; the flaky test is back, the one with the clock. It waits for a second "
        "that does not always come",
    ),
    ("21:04:31", "bob", "then let it wait for the event instead"),
    ("21:05:00", "dan", ""),  # connects
    ("21:05:12", "dan", "hello from netcat!"),
    ("21:06:30", "alice", "hi dan"),
    ("21:07:15", "grace", "/msg alice lunch tomorrow?"),
    ("21:08:55", "carol", "found it: two lines. Would you have a look, bob?"),
    ("21:09:20", "carol", "/me puts the kettle on"),
    ("21:09:37", "bob", "merged. alice, it is green again"),
    ("21:09:50", "alice", "thanks, both of you!"),
)
"""Time, author, text. The last message of alice is still pending."""


YESTERDAY: Final = (
    ("10:05:00", "bob", "did anyone see the build?"),
    ("10:06:00", "erin", "yes, it is red again"),
    ("10:07:00", "carol", "looking now; the flaky test is back, the one with the clock"),
    ("10:31:00", "bob", "then let it wait for the event instead"),
    ("11:20:00", "carol", "found it: two lines. Would you have a look, bob?"),
    ("11:23:00", "bob", "merged, and green"),
)
"""What is said before alice leaves at 17:56."""

WHILE_AWAY: Final = (
    ("08:58:00", "bob", "good morning! Release day, the checklist is in the wiki"),
    ("09:15:00", "carol", "the staging server is on 0.3 since last night, no errors so far"),
    ("09:16:00", "carol", "/me knocks on wood"),
    ("10:02:00", "erin", "alice, could you check the certificate? It ends on Friday"),
    ("11:47:00", "bob", "the flaky test passed 500 times in a row now"),
    ("12:10:00", "carol", "nice. That was the last one, wasn't it?"),
    ("14:30:00", "bob", "tagged 0.3.0"),
    ("14:31:00", "erin", "congratulations, everyone!"),
    ("15:02:00", "erin", "/msg alice coffee at four?"),
    ("15:03:00", "bob", "/join dev"),
    ("15:04:00", "bob", "the branch for 0.4 is open"),
    ("15:05:00", "bob", "alice: the conflict is gone, I rebased"),
)
"""What is said on the next day, before she comes back at 15:30."""

TALK: Final = (
    ("21:03:20", "bob", "did anyone see the build? It is red again"),
    ("21:03:44", "carol", "looking now: the flaky test, the one with the clock"),
    ("21:04:02", "alice", "let it wait for the event instead"),
    ("21:04:31", "carol", "alice: good idea, two lines, pushed"),
    ("21:04:58", "grace", "/msg alice lunch tomorrow?"),
    ("21:05:01", "keys", "jump"),
    ("21:05:01", "keys", "gra"),
    ("21:05:02", "keys", "open"),
    ("21:05:20", "alice", "yes! At one, at the usual place"),
    ("21:05:31", "keys", "jump"),
    ("21:05:31", "keys", "lob"),
    ("21:05:32", "keys", "open"),
    ("21:05:40", "bob", "green. Thanks, both of you!"),
)
"""Time, author, text; or time, "keys" and keys, of which `KEYS` names some."""
