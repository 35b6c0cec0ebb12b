"""What media is called: by its link at first, and by itself as soon as that is known.

Requests for the same key share one download and one remembered answer. Keys are 32 hexadecimal
digits.
"""

import hashlib

from worker.form import WHOLE, Form

# Raise it when the same link would give other files than before (format, container, limits):
# what was remembered under the old keys is then not used any more.
_RECIPE = 2


def of_link(url: str, form: Form = WHOLE) -> str:
    """The key of what is wanted of whatever is behind a normalised link."""
    return _key("link", form, url)


def of_media(extractor: str, *names: str, form: Form = WHOLE) -> str:
    """The key of media by the names that it has on its own site, whatever link led there."""
    return _key("media", form, extractor, *names)


def _key(kind: str, form: Form, *names: str) -> str:
    text = "\n".join((str(_RECIPE), kind, form.code, *names))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
