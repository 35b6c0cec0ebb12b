"""What becomes of the length that a server says its answer has."""

from email.message import Message

import pytest

from worker.downloads.ytdlp.network import content_length


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ([], None),
        (["200"], "200"),
        (["200, 200"], "200"),
        (["200", " 200 "], "200"),
        (["200, 300"], None),
        (["200", "300"], None),
        (["undefined"], None),
        (["-1"], None),
        ([""], None),
        (["²"], None),
        (["9" * 5000], None),
    ],
)
def test_only_a_number_counts(said: list[str], kept: str | None) -> None:
    headers = Message()
    for length in said:
        headers.add_header("content-length", length)
    content_length.correct(headers)
    assert headers.get_all("Content-Length") == (None if kept is None else [kept])
