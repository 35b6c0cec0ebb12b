"""Which response is the stream of a radio station."""

from email.message import Message

import pytest

from worker.downloads.ytdlp.network.radio import is_radio


def headers(**named: str) -> Message:
    made = Message()
    for name, value in named.items():
        made[name.replace("_", "-")] = value
    return made


AUDIO = {"Content_Type": "audio/mpeg"}
ICECAST = {"Server": "Icecast 2.4.4"}


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ({**AUDIO, "icy_name": "A station"}, True),
        ({**AUDIO, "ICY_BR": "128"}, True),
        ({**AUDIO, **ICECAST}, True),
        ({"Content_Type": "application/ogg", "Server": "SHOUTcast DNAS"}, True),
        # Files on such a server, its pages, and sound of another one whose length is not known.
        ({**AUDIO, **ICECAST, "Content_Length": "4096"}, False),
        ({**AUDIO, "icy_name": "A", "Content_Range": "bytes 0-99/100"}, False),
        ({"Content_Type": "text/html", **ICECAST}, False),
        ({**AUDIO, "Server": "nginx"}, False),
        ({}, False),
    ],
)
def test_radio_is_known_by_its_headers(named: dict[str, str], expected: bool) -> None:
    assert is_radio(headers(**named)) is expected
