"""Answers of sites with posts, in the shapes that their public clients read, with media of ours."""

import html
import json
from typing import Any

Answer = Any

PICTURES = "https://media.test"
"""Where the pictures and videos of all posts are."""


def x(*media: str, quoted: tuple[str, ...] = ()) -> Answer:
    """A post of X with such media: a width for a picture, `v` for a video."""
    result = _x_result(media)
    if quoted:
        result["quoted_status_result"] = {"result": _x_result(quoted)}
    return {"data": {"tweetResult": {"result": result}}}


def x_embedded(*media: str, quoted: tuple[str, ...] = ()) -> Answer:
    """The same post for pages that embed it."""
    answer = {"text": "A post", "user": {"name": "Ada"}}
    details = {"mediaDetails": list(map(_x_media, quoted))}
    return {**answer, "mediaDetails": list(map(_x_media, media)), "quoted_tweet": details}


def _x_result(media: tuple[str, ...]) -> dict[str, Any]:
    user: dict[str, Any] = {"legacy": {"name": "Ada", "screen_name": "ada"}}
    text = "A post\nof several lines https://t.co/abc"
    entities = {"media": list(map(_x_media, media))} if media else {}
    return {
        "__typename": "Tweet",
        "core": {"user_results": {"result": user}},
        "legacy": {"full_text": text, "extended_entities": entities},
    }


def _x_media(name: str) -> dict[str, Any]:
    picture = f"{PICTURES}/{'90' if name == 'v' else name}.png"
    media: dict[str, Any] = {"id_str": name, "media_url_https": picture, "type": "photo"}
    if name == "v":
        variants: list[dict[str, Any]] = [
            {"content_type": "application/x-mpegURL", "url": f"{PICTURES}/video.m3u8"},
            {"content_type": "video/mp4", "bitrate": 1000, "url": f"{PICTURES}/9x9/video.mp4"},
        ]
        film: dict[str, Any] = {"duration_millis": 3000, "variants": variants}
        media.update({"type": "video", "video_info": film})
    return media


def reddit(*media: str, is_crosspost: bool = False) -> Answer:
    """A gallery of Reddit with such media."""
    gallery: dict[str, Any] = {
        "gallery_data": {"items": [{"media_id": f"m{name}"} for name in media]},
        # In another order than the gallery's.
        "media_metadata": {f"m{name}": _reddit_media(name) for name in reversed(media)},
    }
    url = "https://www.reddit.com/gallery/1abcde"
    post: dict[str, Any] = {"id": "1abcde", "title": "A post", "author": "ada", "url": url}
    post |= {"crosspost_parent_list": [gallery]} if is_crosspost else gallery
    return [{"data": {"children": [{"data": post}]}}, {"data": {"children": []}}]


def reddit_picture(url: str) -> Answer:
    """A post of Reddit that is one file."""
    post = {"id": "1abcde", "title": "A post", "author": "ada", "url": url}
    return [{"data": {"children": [{"data": post}]}}]


def _reddit_media(name: str) -> dict[str, Any]:
    if name == "v":
        largest = {"mp4": f"{PICTURES}/video.mp4?a=1&amp;b=2", "gif": "https://media.test/a.gif"}
        return {"e": "AnimatedImage", "m": "image/gif", "id": "mv", "s": largest}
    shown = html.escape(f"{PICTURES}/{name}.png?width=9&s=1")
    return {"e": "Image", "m": "image/png", "id": f"m{name}", "s": {"u": shown, "x": 9, "y": 9}}


def tiktok(*widths: str, music: bool = True) -> str:
    """The page of a photo post of TikTok."""
    images = [
        {"imageURL": {"urlList": [f"{PICTURES}/{width}.heic", f"{PICTURES}/{width}.png"]}}
        for width in widths
    ]
    post: dict[str, Any] = {
        "id": "7351234567890123456",
        "desc": "A post",
        "author": {"nickname": "Ada", "uniqueId": "ada"},
        "imagePost": {"images": images},
        "music": {"playUrl": f"{PICTURES}/sound.m4a", "title": "A song"} if music else {},
        "video": {"duration": 0},
    }
    data = {"__DEFAULT_SCOPE__": {"webapp.video-detail": {"itemInfo": {"itemStruct": post}}}}
    script = json.dumps(data)
    return (
        "<!doctype html><title>TikTok</title>"
        f'<script id="__UNIVERSAL_DATA_FOR_REHYDRATION__" type="application/json">{script}</script>'
    )


def bluesky(*widths: str, place: str = "embed") -> Answer:
    """A post of Bluesky with its pictures in one of the places where they may be."""
    images: dict[str, Any] = {
        "$type": "app.bsky.embed.images#view",
        "images": [
            {"fullsize": f"{PICTURES}/{w}.png", "thumb": f"{PICTURES}/9.png"} for w in widths
        ],
    }
    places: dict[str, Any] = {
        "embed": images,
        "media": {"media": images, "record": {"record": {"author": {}}}},
        "both": {"media": {"playlist": f"{PICTURES}/a.m3u8"}, "record": {"embeds": [images]}},
        "quoted": {"record": {"author": {"did": "did:plc:b"}, "embeds": [images]}},
    }
    post = {
        "uri": "at://did:plc:a/app.bsky.feed.post/3kabcdefghi2a",
        "author": {"did": "did:plc:a", "handle": "ada.test", "displayName": "Ada"},
        "record": {"text": "A post\nof two lines"},
        "embed": places[place],
    }
    return {"thread": {"post": post}}


def imgur(*media: str, is_album: bool = True) -> Answer:
    """An album of Imgur, or a picture by itself; `gif` is one that moves."""
    found = [
        {
            "id": f"m{name}",
            "type": "video" if name == "v" else "image",
            "url": f"{PICTURES}/{'video.mp4' if name == 'v' else f'{name}.png'}",
            "metadata": {"title": "", "is_animated": name in {"v", "gif"}},
        }
        for name in media
    ]
    account = {"username": "ada"}
    return {"id": "aBcDeFg", "title": "A post", "is_album": is_album, "media": found} | {
        "account": account
    }


def pinterest(*media: str, kind: str = "pin") -> Answer:
    """A pin: of one picture, of a video of its own or embedded, a carousel or a story.

    Of the video of a `stream` there is no file.
    """
    pin: dict[str, Any] = {"id": "123456789", "title": "A post", "domain": "Uploaded by user"}
    pin["pinner"] = {"full_name": "Ada"}
    if kind == "carousel":
        pin["carousel_data"] = {"carousel_slots": [{"images": _sizes(name)} for name in media]}
    elif kind == "story":
        pin["story_pin_data"] = {"pages": [{"blocks": [_block(name)]} for name in media]}
    elif kind == "stream":
        film = {"video_list": {"V_HLSV3_MOBILE": {"url": f"{PICTURES}/video.m3u8"}}}
        pin["story_pin_data"] = {"pages": [{"blocks": [{"video": film}]}]}
    elif kind == "video":
        pin["videos"] = {"video_list": {"V_720P": {"url": f"{PICTURES}/video.mp4"}}}
    elif kind == "embed":
        pin["embed"] = {"src": "https://www.youtube.com/embed/abcdefghijk"}
    pin["images"] = _sizes(next(name for name in media if name != "v"))
    return {"resource_response": {"data": pin}}


def _sizes(width: str) -> dict[str, Any]:
    return {
        "236x": {"url": f"{PICTURES}/9.png", "width": 236, "height": 236},
        "orig": {"url": f"{PICTURES}/{width}.png", "width": 1000, "height": 1000},
    }


def _block(name: str) -> dict[str, Any]:
    if name == "v":
        return {"video": {"video_list": {"V_720P": {"url": f"{PICTURES}/video.mp4", "width": 9}}}}
    return {"image": {"images": {"originals": {"url": f"{PICTURES}/{name}.png"}}}}


def reddit_text(*media: str) -> Answer:
    """A post of words with pictures between them, and with a sticker."""
    answer = reddit(*media)
    post = answer[0]["data"]["children"][0]["data"]
    del post["gallery_data"]
    name = "emote|t5_abcd|1"
    sticker = {"e": "Image", "m": "image/png", "id": name, "t": "sticker"}
    post["media_metadata"][name] = {**sticker, "s": {"u": f"{PICTURES}/60.png", "x": 60, "y": 60}}
    return answer


def tumblr(*media: str, is_reblog: bool = False) -> Answer:
    """A post of Tumblr with words between its media."""
    content: list[Any] = []
    for name in media:
        content += [{"type": "text", "text": "Words"}, _tumblr_block(name)]
    post: dict[str, Any] = {"id": 765432109876, "blog_name": "ada", "summary": "A post"}
    trail = [{"content": content[:2]}, {"content": content[2:]}]
    post |= {"content": [], "trail": trail} if is_reblog else {"content": content}
    return {"response": {"timeline": {"elements": [post]}}}


def _tumblr_block(name: str) -> dict[str, Any]:
    if name == "youtube":
        return {"type": "video", "provider": "youtube", "url": "https://youtu.be/abcdefghijk"}
    if name == "v":
        media = {"url": f"{PICTURES}/video.mp4", "width": 9, "height": 9}
        return {"type": "video", "provider": "tumblr", "media": media}
    small = {"url": f"{PICTURES}/9.png", "width": 75, "height": 75}
    return {"type": "image", "media": [small, {"url": f"{PICTURES}/{name}.png", "width": 640}]}


def stories(*media: str, key: str = "1") -> Answer:
    """The story of a user of Instagram, with such items."""
    items = [{"pk": f"{n}", **_threads_media(name)} for n, name in enumerate(media, 101)]
    reel = {"user": {"username": "ada", "full_name": "Ada"}, "items": items, "title": "A post"}
    return {"reels": {key: reel}}


def threads(*media: str, code: str = "DAbCdEfGhIj") -> str:
    """The page of a post of Threads, between the one that it answers and an answer to it."""
    parts = list(map(_threads_media, media))
    user = {"username": "ada", "full_name": "Ada"}
    post: dict[str, Any] = {"code": code, "user": user, "caption": {"text": "A post"}}
    post |= {"carousel_media": parts} if len(parts) > 1 else parts[0]
    others = [{"code": name, "user": user, **_threads_media("8")} for name in ("Before", "After")]
    items = [{"post": each} for each in (others[0], post, others[1])]
    edges = [{"node": {"thread_items": items[:2]}}, {"node": {"thread_items": items[2:]}}]
    data = {"require": [["A", None, [{"__bbox": {"result": {"data": {"edges": edges}}}}]]]}
    script = f'<script type="application/json" data-sjs>{json.dumps(data)}</script>'
    return f"<!doctype html><title>Threads</title><script data-sjs>{{}}</script>{script}"


def _threads_media(name: str) -> dict[str, Any]:
    picture = "7" if name == "v" else name
    sizes = [(9, "9"), (1080, picture)]
    candidates = [{"url": f"{PICTURES}/{n}.png", "width": w, "height": w} for w, n in sizes]
    films = [{"type": 101, "url": f"{PICTURES}/video.mp4"}] if name == "v" else None
    return {"image_versions2": {"candidates": candidates}, "video_versions": films}
