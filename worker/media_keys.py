"""What media is called: by its link at first, and by itself as soon as that is known.

Requests for the same key share one download and one remembered answer. Keys are 32 hexadecimal
digits.
"""

import hashlib
import re
from urllib.parse import unquote, urlsplit

from worker.form import WHOLE, Form
from worker.sites import site_of

# Raise it when the same link would give other files than before (format, container, limits), or if
# keys were wrong: what was remembered under the old keys is then not used any more.
_RECIPE = 3
# The same for clips alone. Version 1 stretched pictures that stand still.
_CLIP_RECIPE = 2

# Parameters that say where a link was found or shared, and nothing about what it leads to.
_TRACKING = re.compile(
    r"utm_\w+|fbclid|gclid|dclid|msclkid|yclid|ysclid|igsh|igshid|mibextid|mc_[ce]id|ref_src|ref_url"
)
# Words that mean something else on other sites, such as a time or a search.
_TRACKING_AT = {
    "bilibili.com": r"spm_id_from|vd_source|from_source|share_\w+|buvid|unique_k|seid|timestamp",
    "facebook.com": r"rdid|share_url|sfnsn|extid|paipv|eav|__\w+(\[\w*\])?",
    "instagram.com": r"hl|img_index",
    "linkedin.com": r"trk|rcm",
    "pinterest.com": r"invite_code|sender|sfo",
    "reddit.com": r"share_id|rdt|ref|ref_source",
    "soundcloud.com": r"si|ref|p|c|in|in_system_playlist",
    "rumble.com": r"e9s",
    "rutube.ru": r"r",
    "spotify.com": r"si|nd|dlsi",
    "threads.com": r"xmt|slof",
    "tiktok.com": r"_[rtd]|(is|sender|share|refer|referer|enter|embed)_\w+|web_id|sec_user_id",
    "twitch.tv": r"tt_\w+|sr",
    "vimeo.com": r"share|fl|fe",
    "vk.com": r"from|ref",
    "x.com": r"s|t|cxt",
    "youtube.com": r"si|feature|pp|ab_channel|app",
}
_TRACKING_OF = {site: re.compile(words) for site, words in _TRACKING_AT.items()}


def of_link(url: str, form: Form = WHOLE) -> str:
    """The key of the media behind a normalised link, in the form in which it is wanted."""
    return _key("link", form, without_tracking(url))


def of_media(extractor: str, *names: str, form: Form = WHOLE) -> str:
    """The key of media by the names that it has on its own site, whatever link led there."""
    return _key("media", form, extractor, *names)


def of_recording(url: str, form: Form, press_id: str) -> str:
    """The key of a recording of a live stream, which nobody shares: it begins with a press."""
    return _key("recording", form, without_tracking(url), press_id)


def _key(kind: str, form: Form, *names: str) -> str:
    recipe = f"{_RECIPE}.{_CLIP_RECIPE}" if form.clip else str(_RECIPE)
    text = "\n".join((recipe, kind, form.code, *names))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def without_tracking(url: str) -> str:
    """A link without the parameters that say where it was found or shared."""
    parts = urlsplit(url)
    if not parts.query:
        return url
    at_this_site = _TRACKING_OF.get(site_of(parts.hostname or ""))

    def is_tracking(parameter: str) -> bool:
        name = unquote(parameter.partition("=")[0])  # brackets are often written as %5B and %5D
        return bool(_TRACKING.fullmatch(name) or (at_this_site and at_this_site.fullmatch(name)))

    kept = [parameter for parameter in parts.query.split("&") if not is_tracking(parameter)]
    return parts._replace(query="&".join(kept)).geturl()
