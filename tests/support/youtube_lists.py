"""What a stand-in for YouTube says of playlists, channels and mixes, as the real extractor reads.

Of each item there is only what the page of a list has: nobody may ask for the item itself, but at
`YoutubeWithAPlaylist`.
"""

import json
import re
from collections.abc import Iterable
from email.message import Message
from pathlib import Path
from typing import Any

from tests.sandbox.tls_proxy import Response
from tests.sandbox.youtube import Youtube
from tests.support.tls_sites import Answer, TlsSites, data, page

HOSTS = ("*.youtube.com",)
PLAYLIST = "https://www.youtube.com/playlist?list=PLaaaaaaaaaaaaaaaa"
MIX = "https://www.youtube.com/watch?v=item0000000&list=RDitem0000000"
IN_PLAYLIST = "https://www.youtube.com/watch?v=item0000002&list=PLaaaaaaaaaaaaaaaa"
CHANNEL = "https://www.youtube.com/@someone"

_PRIVATE = "[Private video]"


class YoutubeWithAPlaylist(Youtube):
    """A stand-in with videos that can be asked for, which stand in a playlist of so many items."""

    def __init__(self, directory: Path, count: int) -> None:
        super().__init__(directory)
        items = [_item(number) for number in range(count)]
        self._lists: dict[str, Answer] = {
            r"[^/]*/playlist": _page(_playlist(items)),
            r"[^/]*/youtubei/v1/browse": data(_playlist(items)),
            r"[^/]*/watch\?.*list=PL": _page(_watch(range(count), PLAYLIST)),
        }

    def answer(self, address: str, headers: Message, body: bytes) -> Response:
        """Answer as YouTube does."""
        for pattern, given in self._lists.items():
            if re.match(pattern, address):
                status, kind, content = given(address)
                return status, {"Content-Type": kind}, content
        return super().answer(address, headers, body)


def serve(sites: TlsSites, count: int, private: Iterable[int] = ()) -> None:
    """A playlist and a channel of so many items, of which some are private, and an endless mix."""
    items = [_item(number, is_private=number in set(private)) for number in range(count)]
    sites.answers[r"[^/]*/playlist"] = _page(_playlist(items))
    # Asked for once more, with the items that are not available.
    sites.answers[r"[^/]*/youtubei/v1/browse"] = data(_playlist(items))
    sites.answers[r"[^/]*/@someone/videos"] = _page(_channel(items, "videos"))
    sites.answers[r"[^/]*/@someone/shorts"] = _page(_channel(items[:2], "shorts"))
    sites.answers[r"[^/]*/watch\?.*list=RD"] = _page(_watch(range(25), None))
    sites.answers[r"[^/]*/watch\?.*list=PL"] = _page(_watch(range(count), PLAYLIST))
    sites.answers[r"[^/]*/youtubei/v1/next"] = _More()


class _More:
    """The next 25 of a mix, each time it is asked."""

    def __init__(self) -> None:
        self.first = 25

    def __call__(self, address: str) -> tuple[int, str, bytes]:
        first, self.first = self.first, self.first + 25
        return data(_watch(range(first - 1, first + 25), None))(address)


def item_id(number: int) -> str:
    return f"item{number:07}"


def _item(number: int, *, is_private: bool = False) -> dict[str, Any]:
    about = {"videoId": item_id(number), "isPlayable": not is_private}
    if is_private:
        return {"playlistVideoRenderer": {**about, "title": {"simpleText": _PRIVATE}}}
    length = {"lengthSeconds": "60", "lengthText": {"simpleText": "1:00"}}
    title = {"runs": [{"text": f"Item {number}"}]}
    return {"playlistVideoRenderer": {**about, **length, "title": title}}


def _playlist(items: list[dict[str, Any]]) -> dict[str, Any]:
    videos = [{"playlistVideoListRenderer": {"contents": items}}]
    tab = {"selected": True, "content": _sections([{"itemSectionRenderer": {"contents": videos}}])}
    count = {"simpleText": f"{len(items)} videos"}
    header = {"byline": [{"playlistBylineRenderer": {"text": count}}]}
    return {
        "contents": {"twoColumnBrowseResultsRenderer": {"tabs": [{"tabRenderer": tab}]}},
        "header": {"playlistHeaderRenderer": header},
        "metadata": {"playlistMetadataRenderer": {"title": "A playlist"}},
    }


def _channel(items: list[dict[str, Any]], name: str) -> dict[str, Any]:
    def tab(of: str) -> dict[str, Any]:
        where = {"commandMetadata": {"webCommandMetadata": {"url": f"/@someone/{of}"}}}
        found: dict[str, Any] = {"title": of.title(), "endpoint": where}
        if of == name:
            videos = [{"gridVideoRenderer": each["playlistVideoRenderer"]} for each in items]
            grid = [{"gridRenderer": {"items": videos}}]
            content = _sections([{"itemSectionRenderer": {"contents": grid}}])
            found |= {"selected": True, "content": content}
        return {"tabRenderer": found}

    channel = {"title": "Someone", "externalId": "UCaaaaaaaaaaaaaaaaaaaaaa"}
    tabs = [tab("videos"), tab("shorts")]
    return {
        "contents": {"twoColumnBrowseResultsRenderer": {"tabs": tabs}},
        "metadata": {"channelMetadataRenderer": channel},
    }


def _watch(numbers: range, playlist: str | None) -> dict[str, Any]:
    """The page of a video that stands in a list, with a part of that beside it."""
    contents = [
        {
            "playlistPanelVideoRenderer": {
                "videoId": item_id(number),
                "title": {"simpleText": f"Item {number}"},
                "lengthText": {"simpleText": "1:00"},
                "navigationEndpoint": {
                    "watchEndpoint": {"videoId": item_id(number), "index": number}
                },
            }
        }
        for number in numbers
    ]
    panel: dict[str, Any] = {"title": "A mix", "playlistId": "RDitem0000000", "contents": contents}
    if playlist:
        where = {"webCommandMetadata": {"url": playlist.removeprefix("https://www.youtube.com")}}
        panel |= {"title": "A playlist", "endpoint": {"commandMetadata": where}}
    return {"contents": {"twoColumnWatchNextResults": {"playlist": {"playlist": panel}}}}


def _sections(contents: list[Any]) -> dict[str, Any]:
    return {"sectionListRenderer": {"contents": contents}}


def _page(initial: dict[str, Any]) -> Answer:
    context = {"client": {"clientName": "WEB", "clientVersion": "1.0"}}
    settings = json.dumps({"INNERTUBE_CONTEXT": context, "INNERTUBE_API_KEY": "key"})
    return page(
        f"<!doctype html><script>ytcfg.set({settings});</script>"
        f"<script>var ytInitialData = {json.dumps(initial)};</script>"
    )
