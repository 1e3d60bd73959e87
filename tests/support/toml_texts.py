"""TOML texts whose statements begin on known lines, for the tests of both TOML readers."""

from __future__ import annotations

from hypothesis import strategies as st

VALUES = (
    "1",
    '"text"',
    "'text'",
    '"a # b"',
    "'a # b'  # \" '''",
    r'"a \" [ \\"',
    "[1, 2]  # ]",
    '[\n  1,  # [ "\n\n  2,\n]',
    '[["x"], [\n"]"]]',
    '{ a = "}", b = [1] }',
    '"""\nline\n"""',
    '"""one \\""" two\n# """',
    '""""two quotes"" at the end"""""',
    "'''\nline [\n'''",
    "''''quotes\n'''''",
    '""',
    "''",
    "1979-05-27T07:32:00Z",
)
"""Values in one line and in several, with everything in strings that ends a statement elsewhere."""

FILLERS = ("", "   ", "# comment [ \" ''' {", "\t# x")
"""Lines without a statement."""


@st.composite
def toml_texts(draw: st.DrawFn) -> tuple[str, dict[str, int]]:
    """Return a text of assignments, and the line of each key."""
    lines = 1
    text = ""
    found = {}
    for number in range(draw(st.integers(0, 12))):
        piece = "\n".join([*draw(st.lists(st.sampled_from(FILLERS), max_size=3)), ""])
        text += piece
        lines += piece.count("\n")
        found[f"key{number}"] = lines
        statement = f"key{number} = {draw(st.sampled_from(VALUES))}\n"
        text += statement
        lines += statement.count("\n")
    return (text.removesuffix("\n") if draw(st.booleans()) else text), found


MANY_LINES = {
    "a list": "operators = [\n" + '  "alice",\n' * 4000 + "]\nport = 0\n",
    "a text": 'state = """\n' + "line\n" * 4000 + '"""\nport = 0\n',
    "comments": "# comment\n" * 4000 + "port = 0\n",
}
"""Valid texts of 4,000 lines. They took 25 s when each line was tried as the end of a statement."""

LONG_KEYS = (
    "a" + ".a" * 20_000 + " = 1\n",
    '\'\' . "\\"" . ' * 5_000 + "a = 1\n",
    "x = { " + "_-9\t.\t" * 9_000 + "a = 1 }\n",
    "[" + "a." * 20_000 + "a]\n",
)
"""Valid texts of up to 64 KB with a key of many parts, for which `tomllib` takes up to 30 s."""
