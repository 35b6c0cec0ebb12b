"""Searches as links: the words that somebody searches for become a link to the results. Pure."""

from urllib.parse import urlencode

from worker import media_keys
from worker.form import SEARCH
from worker.protocol import Reader
from worker.protocol.effects import OpenRequest
from worker.untrusted_text import one_line

MAX_WORDS = 100
"""How many characters of the words are searched for."""

_PAGE = "https://www.youtube.com/results"
# Videos alone, as the site's own filter says it.
_VIDEOS = "EgIQAQ=="


def search(
    reader: Reader, user_id: int, message_id: int, words: str, sent_at: float | None
) -> OpenRequest | None:
    """A request for what is found by these words; None where they say nothing."""
    wanted = one_line(words)[:MAX_WORDS].strip()
    if not wanted:
        return None
    url = f"{_PAGE}?{urlencode({'search_query': wanted, 'sp': _VIDEOS})}"
    return OpenRequest(
        reader.chat_id,
        user_id,
        message_id,
        url,
        media_keys.of_link(url, SEARCH),
        form=SEARCH,
        language=reader.language,
        thread_id=reader.thread_id,
        sent_at=sent_at,
    )
