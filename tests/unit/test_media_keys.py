"""What media is called."""

from worker import media_keys
from worker.telegram import normalise

LINK = "https://example.com/"


def test_a_link_has_the_same_key_tomorrow() -> None:
    assert media_keys.of_link(LINK) == media_keys.of_link(normalise("EXAMPLE.com"))
    assert media_keys.of_link(LINK) == "bb7b53c14fbc2d526fc09da4c3b9e885"


def test_what_is_not_the_same_has_another_key() -> None:
    found = [
        media_keys.of_link(LINK),
        media_keys.of_link(LINK, sound_only=True),
        media_keys.of_link(LINK + "x"),
        media_keys.of_media("Site", LINK),
        media_keys.of_media("Site", LINK, sound_only=True),
        media_keys.of_media("SiteTab", LINK),
    ]
    assert len(set(found)) == len(found)
