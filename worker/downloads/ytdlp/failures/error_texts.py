"""Tables of what yt-dlp's extractors, and the sites behind them, say when they fail.

The same words mean different things at different sites, so a site's own table comes before the
general one: "login required" is about the link at most sites, but Instagram says it when it
rejects this machine's address. The texts are those of yt-dlp 2026.10.26 and of the sites in
November 2026. They change every month, so each pattern is as short as possible.
"""

import re

from worker.errors import Fault, Reason, Remedy

Classification = tuple[Reason, Fault]

_GONE = (Reason.NOT_FOUND, Fault.PERMANENT)
_PRIVATE = (Reason.PRIVATE, Fault.PERMANENT)
_LOGIN = (Reason.LOGIN_NEEDED, Fault.PERMANENT)
_AGE = (Reason.AGE_RESTRICTED, Fault.PERMANENT)
_GEO = (Reason.GEO_BLOCKED, Fault.PERMANENT)
_FORBIDDEN = (Reason.FORBIDDEN, Fault.PERMANENT)
_NOT_STARTED = (Reason.NOT_STARTED, Fault.PERMANENT)
_JUST_ENDED = (Reason.JUST_ENDED, Fault.PERMANENT)
_LIVE = (Reason.LIVE, Fault.PERMANENT)
_DRM = (Reason.DRM, Fault.PERMANENT)
_NO_MEDIA = (Reason.NO_MEDIA, Fault.PERMANENT)
_NO_FORMAT = (Reason.NO_FORMAT, Fault.PERMANENT)
_INVALID = (Reason.INVALID_LINK, Fault.PERMANENT)
_BUSY = (Reason.SITE_BUSY, Fault.RETRYABLE)
_AGAIN = (Reason.SITE_ERROR, Fault.RETRYABLE)
_NETWORK = (Reason.NETWORK, Fault.RETRYABLE)
_BLOCKED_HERE = (Reason.BLOCKED_HERE, Fault.OPERATOR)
_OUTDATED = (Reason.OUTDATED, Fault.OPERATOR)
_INTERNAL = (Reason.INTERNAL, Fault.OPERATOR)

# yt-dlp's advice to its user, which mentions accounts and cookies whatever went wrong.
_ADVICE = re.compile(r"\buse (the )?--\w.*|\bsee\s+https?\S+.*", re.IGNORECASE | re.DOTALL)

# Words between quotes are a title or a name, unless they are what a site said.
_QUOTED = re.compile(
    r"(?<!said: )(?<!says: )(\"[^\"]*\"|“[^”]*”|«[^»]*»|`[^`]*`|(?<!\w)'[^']*'(?!\w))"
)

# By the first part of the extractor's name (`IE_NAME`), in lower case.
_OF_A_SITE: dict[str, tuple[tuple[str, Classification], ...]] = {
    "youtube": (
        (r"looks truncated|forget to quote|without video id|consent redirect", _INVALID),
        (r"not a bot|\byour ip\b|captcha|unusual traffic|^please sign in\b", _BLOCKED_HERE),
        # A site of videos: without cookies this means that the address is turned away.
        (r"no video formats found|administrator restrictions|restricted mode", _BLOCKED_HERE),
        (r"try again later.*rate.?limited|rate.?limit|this content isn't available, try", _BUSY),
        (r"needs to be reloaded|processing this video|an error occurred|went wrong", _AGAIN),
        (r"player response|incomplete|resolve album|invalid argument|precondition", _AGAIN),
        (r"backend error|unknown error|configuration error", _AGAIN),
        (r"require authentication", _LOGIN),
        (r"\b(your|this) (country|region)", _GEO),
        (r"latest version of|on this (app|device)\b", _OUTDATED),
        (r"playback on other websites|from display on this website", _FORBIDDEN),
        (r"account.*terminated|closed .*account|\bcopyright\b", _GONE),
        (r"^offline\b|premiere will begin|will begin shortly", _NOT_STARTED),
        (r"premium", _LOGIN),
        (r"members.?only|members on level|join this channel", _PRIVATE),
        (r"does not have an? \S+ tab|unviewable", _NO_MEDIA),
        (r"inappropriate|age.?restricted", _AGE),
        (r"video is not available|content isn't available|video is unavailable", _GONE),
    ),
    "tiktok": (
        (r"ip address is blocked|HTTP Error 403", _BLOCKED_HERE),
        (r"rehydration|challenge|webpage request|aweme detail|same page|secondary user", _AGAIN),
        (r"\bprivate\b|permission to view", _PRIVATE),
        (r"not have any videos", _NO_MEDIA),
        (r"status code (0|10201|10235|10101)\b", _AGAIN),
        (r"status code", _GONE),
    ),
    "douyin": ((r"fresh cookies", _BLOCKED_HERE),),
    "instagram": (
        (r"restricted video|years old", _AGE),
        (r"follow this account|\bprivate\b", _PRIVATE),
        (r"no video in this post", _NO_MEDIA),
        (r"highlight id", _INVALID),
        (r"empty media response|rate.?limit|log.?in|logged.?in|unreachable|csrf", _BLOCKED_HERE),
        (r"HTTP Error (401|403|429)|few minutes|not granting", _BLOCKED_HERE),
    ),
    "twitter": (
        (r"guest token|over capacity|internal error|timeout|unknown error|empty json", _AGAIN),
        (r"withheld", _GEO),
        (r"limits? who can (view|see)|protected|not authorized|who can view", _PRIVATE),
        (r"suspended|no longer exists|unavailable|does not exist|no status found", _GONE),
        (r"deleted|deactivated|violated|removed|not found", _GONE),
        (r"nsfw|age.?restrict|years old", _AGE),
        (r"not (yet )?started|not been started", _NOT_STARTED),
        (r"replay is disabled", _GONE),
        (r"not downloadable yet", _JUST_ENDED),
        (r"rate.?limit", _BUSY),
        (r"authenticate|access control", _BLOCKED_HERE),
        (r"querying api", _AGAIN),
    ),
    "reddit": (
        (r"private subreddit", _PRIVATE),
        (r"quarantined", _LOGIN),
        (r"reason given: banned", _GONE),
        (r"reason given", _FORBIDDEN),
        (r"\bip address\b|403.*blocked|\bblocked\b|authentication is required", _BLOCKED_HERE),
        (r"is processing", _AGAIN),
    ),
    "bili": (
        (r"\b(352|412)\b|HTTP Error 403", _BLOCKED_HERE),
        (r"\b401\b|rate limit|try later", _BUSY),
        (r"deleted or geo.?restricted|\b(404|62002|62004)\b", _GONE),
        (r"in your area", _GEO),
        (r"supporter.?only|premium|purchase|watchlater", _LOGIN),
        (r"not yet available", _NOT_STARTED),
        (r"request failed|retrieve video list|access playlist|video info: ", _AGAIN),
        (r"category .* isn't supported", _NO_MEDIA),
    ),
    "vk": (
        (r"temporarily unavailable|try again later", _AGAIN),
        (r"confirm ownership", _BLOCKED_HERE),
        (r"access (is )?(denied|restricted)|\bprivate\b", _PRIVATE),
        (r"removed|deleted|no longer available|copyright|rightholder|not found", _GONE),
    ),
    "vimeo": (
        (r"oauth token", _OUTDATED),
        (r"tls fingerprint|data ?cent(er|re) ip|impersonat|due to your location", _BLOCKED_HERE),
        (r"HTTP Error 403|verify to continue", _BLOCKED_HERE),
        (r"wrong .*password|protected by a password|not been made available|privacy", _PRIVATE),
        (r"live event is scheduled", _NOT_STARTED),
        (r"embed-only", _FORBIDDEN),
    ),
    "dailymotion": ((r"reject", _GONE), (r"publi(cation|shing)|in progress", _AGAIN)),
    "facebook": (
        (r"cannot parse data", _BLOCKED_HERE),
        (r"redirect url", _INVALID),
        (r"not available", _GONE),
    ),
    "twitch": (
        (r"does not exist|not found|no longer available", _GONE),
        (r"subscriber|logged into an account|does not have", _LOGIN),
        (r"not (currently )?live|offline", _NOT_STARTED),
    ),
    "soundcloud": ((r"\bdrm\b", _DRM), (r"client id", _OUTDATED)),
    "niconico": (
        (r"invalid session", _BLOCKED_HERE),
        (r"sensitive content (setting|, adjust)|sensitive content, adjust", _AGE),
        (r"fetch content|error status|disconnected", _AGAIN),
    ),
    "tumblr": ((r"dashboard.?only", _LOGIN), (r"embed providers", _NO_MEDIA)),
}

SILENCE = r"\bread (operation )?timed out|timed out after \d+ milliseconds with \d+"
"""What urllib3, the standard library and curl say of a site that was reached and sends nothing.

The worker ends a download for the same reason; it is chance which of the two is first.
"""

# The first pattern that matches decides.
_OF_ANY_SITE: tuple[tuple[str, Classification], ...] = (
    (r"netscape format cookies|(pycryptodomex|phantomjs) not found", _INTERNAL),
    (r"extension .* is unusual", _NO_MEDIA),
    (SILENCE, (Reason.STALLED, Fault.RETRYABLE)),
    (
        r"an empty piece|a text in place of a piece|another range than",
        (Reason.BROKEN_FILE, Fault.RETRYABLE),
    ),
    (r"giving up after", _NETWORK),
    (r"\bfragment \d+ not found", (Reason.BROKEN_FILE, Fault.RETRYABLE)),
    (r"initialization fragment found after", _NO_FORMAT),
    (r"\bdrm\b", _DRM),
    # Before the patterns for a login, which sites also ask for as proof of being human.
    (r"tls fingerprint|impersonat|data ?cent(er|re) ip|client challenge", _BLOCKED_HERE),
    (r"\b(your|this) ip( address)?\b.*\b(block|unable|ban|denied)", _BLOCKED_HERE),
    (r"\b(block|ban|den|reject|restrict)\w* .*\b(your|this) (ip|network)\b", _BLOCKED_HERE),
    (r"\b(using|behind|via) an? (vpn|proxy)|(vpn|proxy) (was )?detected", _BLOCKED_HERE),
    (r"not a (ro)?bot\b|cloudflare|anti.?bot|unusual traffic|filtering software", _BLOCKED_HERE),
    (r"\byou (have been|are|were) blocked|checking your browser|are human", _BLOCKED_HERE),
    (r"\bbot\b|captcha", _BLOCKED_HERE),
    (r"(refresh|provided?) .*cookies|cookies .*(expired|no longer valid)", _BLOCKED_HERE),
    (r"cookies \(not necessarily|cookies are required", _BLOCKED_HERE),
    (r"blocked by (decision|.*censorship)", _GEO),
    (r"rate.?limit|too many requests|wait (for )?a (few|while)|quota|throttled", _BUSY),
    (
        r"confirm your age|age.?(restrict|limit|gate|verif)|verify your age|years old|older than",
        _AGE,
    ),
    (r"adult verification|available after \d+:\d|\bnsfw\b|\bmature\b|over 18\b", _AGE),
    (r"(explicit|sensitive) content", _AGE),
    (r"account .*\b(terminated|suspended|closed|deleted|disabled)", _GONE),
    (r"\b(suspended|closed|deleted) .*account", _GONE),
    (r"not have any (videos?|media|tracks?|posts?)\b", _NO_MEDIA),
    (r"tv providers?\b|available (for|to) (\w+ )?members\b", _LOGIN),
    (r"premium|\bppv\b|purchase|payment|\bto pay\b|\bpaid\b|\brent(al|ed)?\b", _LOGIN),
    (r"\bprivate\b|\b(members|subscribers|followers|friends|patrons|supporters).?only", _PRIVATE),
    (r"protected (by|with) (a )?password|password.?protected|passcode", _PRIVATE),
    (r"(wrong|incorrect|invalid) (video )?password", _PRIVATE),
    (r"(log|sign).?in (to|for) .*\btemporarily\b", _AGAIN),
    (r"archive will be available|\bvod is still being", _JUST_ENDED),
    (r"will (begin|start|be available)|premieres? in|upcoming|scheduled (for|to)", _NOT_STARTED),
    (r"not (yet available|available yet)|release date|no active stream", _NOT_STARTED),
    (r"not (yet )?(been )?(started|begun|released|published)", _NOT_STARTED),
    (r"not (currently )?live\b|(is|is now|currently) offline|^offline\b", _NOT_STARTED),
    (
        r"(live|stream|broadcast|event).* (has|was|have) ended|live.* recording is not available",
        _GONE,
    ),
    (r"(live ?stream|broadcast)\b.* (n't|not|no longer) (found|exist|available)", _GONE),
    (r"live ?stream|\bis live\b|live (hls|dash)", _LIVE),
    (r"(your|this) (country|region|location|area|territory)|geo.?(restrict|block)|withheld", _GEO),
    (r"available in \w+ only|only available in (?!the\b)", _GEO),
    (r"temporarily|\btry (it |this )?(again )?later|come back later|be reloaded", _AGAIN),
    (r"service (is )?unavailable|(internal|server) error|bad gateway|maintenance", _AGAIN),
    (r"went wrong|unknown error|an error (has )?occurred|overloaded|over capacity", _AGAIN),
    (r"(is|still|be|being) (being )?(processed|processing|encoded|transcoded|uploading)", _AGAIN),
    (r"error response|(session|token|signature).* expired|not (yet )?ready", _AGAIN),
    (r"\b(log|logged|sign|signed).?in\b|login|account|registered users|cookies|password", _LOGIN),
    (r"authenticat|subscri(be|ption)|not have access|\blocked\b", _LOGIN),
    (r"requested format is not available", _NO_FORMAT),
    (r"unavailable|(no longer|n't|\bnot) available|expired|no such|not archived", _GONE),
    (r"removed|deleted|terminated|(n't|not?|no longer) exists?|not (been )?found", _GONE),
    (r"been banned|copyright (claim|issue|infring)", _GONE),
    (r"no (video )?formats|no (supported |valid )?(media|videos?|sources)\b", _NO_MEDIA),
    (r"not a video|(n't|not) contain an?|no\b.* could be found", _NO_MEDIA),
    (r"no m3u header", _AGAIN),
    (r"any data blocks", (Reason.EMPTY_FILE, Fault.PERMANENT)),
    (r"file is empty", (Reason.EMPTY_FILE, Fault.RETRYABLE)),
    (r"access\b.*\b(denied|forbidden)|not allowed|permission|\brestricted\b", _FORBIDDEN),
    (r"inaccessible|embed.?only", _FORBIDDEN),
    (r"(cannot|can't|unable to) (be )?access", _FORBIDDEN),
    (
        r"unsupported url|website is (not|no longer) supported|no suitable extractor",
        (Reason.UNSUPPORTED, Fault.PERMANENT),
    ),
    (r"not a valid url|invalid url|blob url", _INVALID),
    (r"timed? ?out|connection|reset by peer|more expected|network error", _NETWORK),
    (r"report this|confirm you are on the latest", _OUTDATED),
)

# What the operator can do where a site turns this machine away; the first that matches decides.
_REMEDIES: tuple[tuple[str, Remedy], ...] = (
    (r"data ?cent(er|re) ip", Remedy.ADDRESS),
    (r"impersonat|tls fingerprint|client challenge|javascript", Remedy.SOFTWARE),
    (r"(refresh|re-?new) .*cookies|cookies .*(expired|no longer valid)", Remedy.NEW_COOKIES),
    (r"invalid session|re-login", Remedy.NEW_COOKIES),
    (r"rate.?limit|too many requests|\b429\b|wait (for )?a (few|while)", Remedy.PACE),
    (r"\byour ip\b|ip address|unusual (traffic|location)|(vpn|proxy)\b", Remedy.ADDRESS),
    (r"not a (ro)?bot\b|captcha|cookies|account|authenticat", Remedy.COOKIES),
    (r"\b(log|logged|sign|signed).?in\b|\blogin\b|csrf|empty media", Remedy.COOKIES),
)

# What takes more than an account.
_COSTS = re.compile(
    r"premium|\bppv\b|purchase|payment|\bto pay\b|\bpaid\b|\brent(al|ed)?\b|subscri|members?\b"
    r"|tv providers?|supporter|patron|does not have|access to",
    re.IGNORECASE,
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
    name = extractor.lower().partition(":")[0].removeprefix("vm.")
    site = next((site for site in _OF_A_SITE if name.startswith(site)), None)
    return _first_match(_SITE_TABLES[site], text) if site else None


def classify_text(text: str) -> Classification | None:
    """What a text means at any site; None if it says nothing known.

    >>> classify_text("This video has been removed by the uploader")
    (<Reason.NOT_FOUND: 'not found'>, <Fault.PERMANENT: 'permanent'>)
    """
    return _first_match(_GENERAL_TABLE, text)


def remedy_of(reason: Reason, text: str) -> Remedy | None:
    """What would help against a failure with this text; None where nobody can do anything.

    >>> remedy_of(Reason.BLOCKED_HERE, "Sign in to confirm you’re not a bot")
    <Remedy.COOKIES: 'cookies'>
    """
    text = _normal(text)
    match reason:
        case Reason.SITE_BUSY:
            return Remedy.PACE
        case Reason.LOGIN_NEEDED:
            return None if _COSTS.search(text) else Remedy.COOKIES
        case Reason.BLOCKED_HERE:
            found = (remedy for pattern, remedy in _REMEDIES if re.search(pattern, text, re.I))
            return next(found, Remedy.ADDRESS)
    return None


def _normal(text: str) -> str:
    text = _QUOTED.sub("…", _ADVICE.sub("", text))
    return text.replace("’", "'").replace("_", " ").strip()


def _first_match(table: Table, text: str) -> Classification | None:
    text = _normal(text)
    return next((classification for pattern, classification in table if pattern.search(text)), None)
