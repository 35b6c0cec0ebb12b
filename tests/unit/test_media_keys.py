"""What media is called."""

import pytest

from worker import media_keys
from worker.form import WHOLE, Form
from worker.telegram import normalise

LINK = "https://example.com/"
SOUND = Form(sound_only=True)


def test_a_link_has_one_key_however_it_is_written() -> None:
    assert media_keys.of_link(LINK) == media_keys.of_link(normalise("EXAMPLE.com"))


@pytest.mark.parametrize(
    ("form", "link_key", "media_key"),
    [
        (WHOLE, "bb7b53c14fbc2d526fc09da4c3b9e885", "90ff3556bf8976228e40504f47db0bd5"),
        (SOUND, "36f563834cb2b54f6e33b9106ddc6b5b", "c00f0e2e87b34207b378a13521f870a8"),
    ],
)
def test_keys_in_ledgers_of_earlier_versions_are_found(
    form: Form, link_key: str, media_key: str
) -> None:
    assert media_keys.of_link(LINK, form) == link_key
    assert media_keys.of_media("Youtube", "id=dQw4w9WgXcQ", form=form) == media_key


def test_what_is_not_the_same_has_another_key() -> None:
    found = [
        media_keys.of_link(LINK),
        media_keys.of_link(LINK, SOUND),
        media_keys.of_link(LINK, Form(max_height=720)),
        media_keys.of_link(LINK + "x"),
        media_keys.of_media("Site", LINK),
        media_keys.of_media("Site", LINK, form=SOUND),
        media_keys.of_media("SiteTab", LINK),
    ]
    assert len(set(found)) == len(found)
