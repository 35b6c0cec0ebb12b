"""Messages and events as lines of text."""

from __future__ import annotations

from .chats import ChatMessage, MediaSent
from .world import Event


def describe(message: ChatMessage) -> str:
    """One message on one line: who, which, what, and its buttons."""
    who = "bot " if message.from_bot else "user"
    parts = [f"{who} #{message.message_id}"]
    if message.deleted:
        parts.append("(deleted)")
    if message.media is not None:
        parts.append(describe_media(message.media))
    elif message.text is None:
        parts.append(message.kind)
    if words := message.text or message.caption:
        parts.append(" / ".join(words.splitlines()))
    parts += [f"[{text}]" for row in message.buttons for text, _ in row]
    return "  ".join(parts)


def describe_media(media: MediaSent) -> str:
    """A file with its kind, size and length."""
    facts = [media.kind]
    if media.width and media.height:
        facts.append(f"{media.width}x{media.height}")
    if media.duration:
        facts.append(f"{media.duration} s")
    facts.append(size_text(media.size))
    name = media.title or media.file_name
    return f"<{', '.join(facts)}: {name}>" if name else f"<{', '.join(facts)}>"


def describe_event(event: Event) -> str | None:
    """A change on one line; None for those that a chat window does not show."""
    if event.kind == "press":
        return f"user  presses [{event.text}]"
    if event.kind == "answer":
        return f"bot   notice: {event.text}" if event.text else None
    return describe(event.message) if event.message is not None else None


def size_text(size: int) -> str:
    """A size in bytes, with a unit."""
    if size < 1000:
        return f"{size} bytes"
    if size < 1_000_000:
        return f"{size / 1000:.1f} kB"
    return f"{size / 1_000_000:.1f} MB"
