"""Lines of standard input, whatever the flags of the file are."""

from __future__ import annotations

import os

from chat_tui.headless.line_io import LineReader


def test_non_blocking_input_without_data_has_not_ended() -> None:
    reader_fd, writer_fd = os.pipe()
    os.set_blocking(reader_fd, False)
    try:
        reader = LineReader(reader_fd)
        reader.read()
        assert not reader.ended
        os.write(writer_fd, b"hello\n")
        reader.read()
        assert list(reader.lines) == ["hello"]
        os.close(writer_fd)
        writer_fd = -1
        reader.read()
        assert reader.ended
    finally:
        os.close(reader_fd)
        if writer_fd >= 0:
            os.close(writer_fd)
