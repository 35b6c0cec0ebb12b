"""What media is called: by its link at first, and by itself as soon as that is known.

Requests for the same key share one download and one remembered answer. Keys are 32 hexadecimal
digits.
"""

import hashlib

# Raise it when the same link would give other files than before (format, container, limits):
# what was remembered under the old keys is then not used any more.
_RECIPE = 2


def of_link(url: str, *, sound_only: bool = False) -> str:
    """The key of whatever is behind a normalised link, or of the sound alone."""
    return _key("link", sound_only, url)


def of_media(extractor: str, *names: str, sound_only: bool = False) -> str:
    """The key of media by the names that it has on its own site, whatever link led there."""
    return _key("media", sound_only, extractor, *names)


def _key(kind: str, sound_only: bool, *names: str) -> str:
    form = "sound" if sound_only else "all"
    text = "\n".join((str(_RECIPE), kind, form, *names))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
