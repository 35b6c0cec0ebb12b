"""What media is called."""

from worker import keys
from worker.telegram import normalise

LINK = "https://example.com/"


def test_a_link_has_the_same_key_tomorrow() -> None:
    assert keys.of_link(LINK) == keys.of_link(normalise("EXAMPLE.com"))
    assert keys.of_link(LINK) == "bb7b53c14fbc2d526fc09da4c3b9e885"


def test_what_is_not_the_same_has_another_key() -> None:
    found = [
        keys.of_link(LINK),
        keys.of_link(LINK, sound_only=True),
        keys.of_link(LINK + "x"),
        keys.of_media("Site", LINK),
        keys.of_media("Site", LINK, sound_only=True),
        keys.of_media("SiteTab", LINK),
    ]
    assert len(set(found)) == len(found)
