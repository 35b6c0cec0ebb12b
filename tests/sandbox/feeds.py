"""Feeds, as podcasts have: the one kind of list that any site may serve."""

from collections.abc import Iterable, Mapping

MAX_ITEMS = 1000


def feed(site_url: str, query: Mapping[str, str]) -> str:
    """So many `items` with a clip each, of which those in `missing` are gone: `3,7`."""
    count = min(int(query.get("items", "12")), MAX_ITEMS)
    missing = {int(number) for number in query.get("missing", "").split(",") if number}
    items = (
        (f"Item {number}", f"404.mp4?{number}" if number in missing else f"clip/item-{number}.mp4")
        for number in range(1, count + 1)
    )
    return _written(site_url, "A feed", items)


def mountains(site_url: str) -> str:
    """The clips of a day in the mountains, of which one is gone."""
    clips = {
        name: f"album/{name.lower()}.mp4" for name in ("Dawn", "Noon", "Storm", "Dusk", "Night")
    }
    return _written(site_url, "A day in the mountains", clips.items())


def _written(site_url: str, title: str, items: Iterable[tuple[str, str]]) -> str:
    listed = "".join(
        f"<item><title>{name}</title><enclosure type='video/mp4' url='{site_url}/{path}'/></item>"
        for name, path in items
    )
    channel = f"<channel><title>{title}</title>{listed}</channel>"
    return f"<?xml version='1.0'?><rss version='2.0'>{channel}</rss>"
