"""A feed, as podcasts have: the one kind of list that any site may serve."""

from collections.abc import Mapping

MAX_ITEMS = 1000


def feed(site_url: str, query: Mapping[str, str]) -> str:
    """So many `items` with a clip each, of which those in `missing` are gone: `3,7`."""
    count = min(int(query.get("items", "12")), MAX_ITEMS)
    missing = {int(number) for number in query.get("missing", "").split(",") if number}
    items = "".join(
        f"<item><title>Item {number}</title><enclosure type='video/mp4' url='{site_url}"
        f"{f'/404.mp4?{number}' if number in missing else f'/clip/item-{number}.mp4'}'/></item>"
        for number in range(1, count + 1)
    )
    channel = f"<channel><title>A feed</title>{items}</channel>"
    return f"<?xml version='1.0'?><rss version='2.0'>{channel}</rss>"
