"""Tables of what yt-dlp's extractors, and the sites behind them, say when they fail.

The same words mean different things at different sites, so a site's own table comes before the
general one: "login required" is about the link at most sites, but Instagram says it when it
rejects this machine's address. The texts are those of yt-dlp 2026.10.26 and of the sites in
November 2026. They change every month, so each pattern is as short as possible.
"""

import re

from worker.errors import Fault, Reason

Classification = tuple[Reason, Fault]

_GONE = (Reason.NOT_FOUND, Fault.PERMANENT)
_PRIVATE = (Reason.PRIVATE, Fault.PERMANENT)
_LOGIN = (Reason.LOGIN_NEEDED, Fault.PERMANENT)
_AGE = (Reason.AGE_RESTRICTED, Fault.PERMANENT)
_GEO = (Reason.GEO_BLOCKED, Fault.PERMANENT)
_FORBIDDEN = (Reason.FORBIDDEN, Fault.PERMANENT)
_NOT_STARTED = (Reason.NOT_STARTED, Fault.PERMANENT)
_LIVE = (Reason.LIVE, Fault.PERMANENT)
_NO_MEDIA = (Reason.NO_MEDIA, Fault.PERMANENT)
_BUSY = (Reason.SITE_BUSY, Fault.RETRYABLE)
_AGAIN = (Reason.SITE_ERROR, Fault.RETRYABLE)
_NETWORK = (Reason.NETWORK, Fault.RETRYABLE)
_BLOCKED_HERE = (Reason.BLOCKED_HERE, Fault.OPERATOR)
_OUTDATED = (Reason.OUTDATED, Fault.OPERATOR)

# yt-dlp's advice to its user, which mentions accounts and cookies whatever went wrong.
_ADVICE = re.compile(
    r"\buse --(cookies|username)\b.*|\bsee\s+https?\S+.*", re.IGNORECASE | re.DOTALL
)

# By the first part of the extractor's name (`IE_NAME`), in lower case.
_OF_A_SITE: dict[str, tuple[tuple[str, Classification], ...]] = {
    "youtube": (
        (r"not a bot|\byour ip\b|captcha", _BLOCKED_HERE),
        (r"needs to be reloaded|processing this video|an error occurred", _AGAIN),
        (r"player response|incomplete", _AGAIN),
        (r"try again later|rate.?limit", _BUSY),
        (r"\b(your|this) country\b", _GEO),
        (r"account .*terminated|\bcopyright\b", _GONE),
        (r"^offline\b|premiere will begin|will begin shortly", _NOT_STARTED),
        (r"playback on other websites", _FORBIDDEN),
        (r"members.?only|members on level|join this channel", _PRIVATE),
        (r"video is not available|content isn.t available|video is unavailable", _GONE),
    ),
    "tiktok": (
        (r"ip address is blocked|fresh cookies", _BLOCKED_HERE),
        (r"rehydration|challenge|webpage request|aweme detail", _AGAIN),
        (r"private|permission to view", _PRIVATE),
        (r"not comfortable|\bage\b", _AGE),
        (r"status code (0|10201|10235|10101)\b", _AGAIN),
        (r"status code|does not have any videos", _GONE),
    ),
    "instagram": (
        (r"follow this account|private", _PRIVATE),
        (r"no video in this post", _NO_MEDIA),
        (r"highlight id", (Reason.INVALID_LINK, Fault.PERMANENT)),
        (r"empty media response|rate.?limit|log.?in|logged.?in|unreachable|csrf", _BLOCKED_HERE),
    ),
    "twitter": (
        (r"bad guest token|guest token|over capacity|internal error|timeout", _AGAIN),
        (r"withheld", _GEO),
        (r"limits? who can (view|see)|protected", _PRIVATE),
        (r"suspended|no longer exists|unavailable|does not exist|deleted", _GONE),
        (r"nsfw|age.?restrict", _AGE),
        (r"not (yet )?started|not been started", _NOT_STARTED),
        (r"replay is disabled", _GONE),
        (r"not downloadable yet", _AGAIN),
        (r"rate limit", _BUSY),
    ),
    "reddit": (
        (r"private subreddit", _PRIVATE),
        (r"quarantined", _LOGIN),
        (
            r"\bip address\b|403.*blocked|\bblocked\b|account authentication is required",
            _BLOCKED_HERE,
        ),
        (r"reason given: banned", _GONE),
        (r"reason given", _FORBIDDEN),
        (r"is processing", _AGAIN),
    ),
    "bilibili": (
        (r"\(352\)|\(412\)|\b412\b|\(-352\)|\(-412\)", _BLOCKED_HERE),
        (r"\(401\)|rate limit|try later", _BUSY),
        (r"deleted or geo.?restricted", _GONE),
        (r"supporter.?only|premium|purchase|favorites list|watchlater", _LOGIN),
        (r"not yet available", _NOT_STARTED),
    ),
    "vk": (
        (r"temporarily unavailable|try again later", _AGAIN),
        (r"access (is )?(denied|restricted)|private", _PRIVATE),
        (r"removed|deleted|no longer available|copyright|not found", _GONE),
    ),
    "vimeo": (
        (r"oauth token", _OUTDATED),
        (r"tls fingerprint|data ?cent(er|re) ip|impersonat", _BLOCKED_HERE),
        (r"wrong .*password|protected by a password|not been made available|privacy", _PRIVATE),
        (r"live event is scheduled", _NOT_STARTED),
    ),
    "facebook": (
        (r"cannot parse data", _BLOCKED_HERE),
        (r"not available", _GONE),
    ),
    "twitch": (
        (r"does not exist|not found|no longer available", _GONE),
        (r"subscriber|logged into an account|does not have", _LOGIN),
        (r"not (currently )?live|offline", _NOT_STARTED),
    ),
    "soundcloud": ((r"\bdrm\b", (Reason.DRM, Fault.PERMANENT)), (r"client id", _OUTDATED)),
}

# The first pattern that matches decides.
_OF_ANY_SITE: tuple[tuple[str, Classification], ...] = (
    (r"netscape format cookies", (Reason.INTERNAL, Fault.OPERATOR)),
    (r"\bfragment \d+ not found|giving up after", _NETWORK),
    (r"initialization fragment found after", (Reason.NO_FORMAT, Fault.PERMANENT)),
    (r"\bdrm\b", (Reason.DRM, Fault.PERMANENT)),
    # Before the patterns for a login, which sites also ask for as proof of being human.
    (r"tls fingerprint|impersonat|data ?cent(er|re) ip|client challenge", _BLOCKED_HERE),
    (r"\b(your|this) ip( address)?\b.*\b(block|unable|ban|denied)|not a bot\b", _BLOCKED_HERE),
    (r"\bbot\b|captcha|rate.?limit|too many requests", _BUSY),
    (r"confirm your age|age.?(restrict|limit|gate|verif)", _AGE),
    (r"account .*\b(terminated|suspended|closed|deleted|disabled)|suspended account", _GONE),
    (r"private|members.?only|subscribers.?only", _PRIVATE),
    (r"(log|sign).?in (to|for) .*\btemporarily\b", _AGAIN),
    (
        r"will begin|premieres? in|not (yet )?(started|begun)|not yet avail|upcoming|scheduled for",
        _NOT_STARTED,
    ),
    (r"not (currently )?live\b|is (currently )?offline|^offline\b", _NOT_STARTED),
    (r"live.* (has|was|have) ended|live.* recording is not available", _GONE),
    (r"live ?stream|\bis live\b|live hls", _LIVE),
    (r"(your|this) (country|region|location)|geo.?(restrict|block)|withheld", _GEO),
    (r"temporarily|\btry (it |this )?(again )?later|come back later|be reloaded", _AGAIN),
    (r"\b(log|logged|sign|signed).?in\b|login|account|registered users|cookies|password", _LOGIN),
    (r"requested format is not available", (Reason.NO_FORMAT, Fault.PERMANENT)),
    (r"premium|purchase|payment|\bto pay\b|subscri(be|ption)|not have access|is locked", _LOGIN),
    (r"unavailable|(no longer|is not|was not|are not) available", _GONE),
    (r"removed|deleted|terminated|(n.t|not?|no longer) exists?|not found|been banned", _GONE),
    (
        r"no (video )?formats|no (supported |valid )?(media|video)|not contain any|not a video",
        _NO_MEDIA,
    ),
    (r"any data blocks", (Reason.EMPTY_FILE, Fault.PERMANENT)),
    (r"file is empty", (Reason.EMPTY_FILE, Fault.RETRYABLE)),
    (r"access denied|not allowed|permission", _FORBIDDEN),
    (r"unsupported url|no suitable extractor", (Reason.UNSUPPORTED, Fault.PERMANENT)),
    (r"not a valid url|invalid url", (Reason.INVALID_LINK, Fault.PERMANENT)),
    (r"timed? ?out|connection|reset by peer|more expected", _NETWORK),
    (r"report this|confirm you are on the latest", _OUTDATED),
)

Table = tuple[tuple[re.Pattern[str], Classification], ...]


def _compiled(rows: tuple[tuple[str, Classification], ...]) -> Table:
    return tuple(
        (re.compile(pattern, re.IGNORECASE), classification) for pattern, classification in rows
    )


_SITE_TABLES = {site: _compiled(rows) for site, rows in _OF_A_SITE.items()}
_GENERAL_TABLE = _compiled(_OF_ANY_SITE)


def classify_site_text(text: str, extractor: str) -> Classification | None:
    """What a text means at the site of an extractor (`IE_NAME`); None if nothing in particular.

    >>> classify_site_text("Sign in to confirm you’re not a bot", "youtube")
    (<Reason.BLOCKED_HERE: 'blocked here'>, <Fault.OPERATOR: 'operator'>)
    """
    name = extractor.lower()
    site = next((site for site in _OF_A_SITE if re.search(rf"\b{site}", name)), None)
    return _first_match(_SITE_TABLES[site], text) if site else None


def classify_text(text: str) -> Classification | None:
    """What a text means at any site; None if it says nothing known.

    >>> classify_text("This video has been removed by the uploader")
    (<Reason.NOT_FOUND: 'not found'>, <Fault.PERMANENT: 'permanent'>)
    """
    return _first_match(_GENERAL_TABLE, text)


def _first_match(table: Table, text: str) -> Classification | None:
    text = _ADVICE.sub("", text).strip()
    return next((classification for pattern, classification in table if pattern.search(text)), None)
