"""What a video of the stand-in for YouTube has in several languages: its sound, and subtitles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode


@dataclass(frozen=True)
class Caption:
    """Subtitles in a language; `is_automatic`: a machine has heard them."""

    language: str
    is_automatic: bool = False

    @property
    def described(self) -> dict[str, Any]:
        """What the player's API says of them."""
        query = urlencode({"lang": self.language, "kind": "asr" if self.is_automatic else ""})
        return {
            "baseUrl": f"https://www.youtube.com/api/timedtext?{query}",
            "languageCode": self.language,
            "vssId": f"{'a' if self.is_automatic else ''}.{self.language}",
            "name": {"simpleText": self.language},
            "isTranslatable": True,
            **({"kind": "asr"} if self.is_automatic else {}),
        }


def described(captions: Sequence[Caption], translated: Sequence[str]) -> dict[str, Any]:
    """What the player's API says of all of them, and into what a machine translates them."""
    languages = [
        {"languageCode": language, "languageName": {"simpleText": language}}
        for language in translated
    ]
    tracks = [caption.described for caption in captions]
    listed = {"captionTracks": tracks, "translationLanguages": languages}
    return {"playerCaptionsTracklistRenderer": listed}


def timed_text(query: Mapping[str, list[str]]) -> str:
    """A file of subtitles that says which it is."""
    (language,) = query.get("tlang") or query["lang"]
    return f"WEBVTT\n\n00:00.000 --> 00:01.000\n{language}\n"


def spoken(language: str, name: str, *, is_default: bool = False) -> dict[str, Any]:
    """What the player's API says of a stream of sound in this language."""
    track = {"id": f"{language}.4", "displayName": name, "audioIsDefault": is_default}
    return {"audioTrack": track, "audioQuality": "AUDIO_QUALITY_MEDIUM"}
