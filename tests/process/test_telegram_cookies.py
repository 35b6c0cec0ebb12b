"""An admin's file with cookies: fetched, checked, stored for its sites, and removed."""

import errno
import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.api import BotApi
from tests.sandbox.faults import Fault as Trouble
from tests.support.telegram_driver import CHAT, TOKEN
from worker.errors import Fault, JobError, Reason, TelegramUnreachable
from worker.protocol import Reader
from worker.protocol.notices import Topic
from worker.protocol.site_cookies import CookiesKept, KeepCookies
from worker.telegram import cookies
from worker.telegram.api_access import ApiAccess
from worker.telegram.client import Client
from worker.telegram.job import make_handler
from worker.telegram.texts import catalogue_of, notice

HEADER = "# Netscape HTTP Cookie File\n"
SECRET = "secret-of-a-cookie"


def line(site: str, expires: int = 0) -> str:
    return f".{site}\tTRUE\t/\tTRUE\t{expires}\tname\t{SECRET}\n"


class Admin:
    """Sends files to a bot, whose data directory is `data`."""

    def __init__(self, api: BotApi, home: Path, local: bool = False) -> None:
        self.api, self.home, self.data = api, home, home / "data"
        self.data.mkdir()
        self.handle = make_handler(ApiAccess(TOKEN, api.url, local), data_dir=self.data)

    def send(self, content: str | bytes, *, is_private: bool = True) -> KeepCookies:
        path = self.home / "cookies.txt"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        document = self.api.hold(path)
        message_id = self.api.say(None, CHAT, document=document)
        return KeepCookies(Reader(CHAT), message_id, document["file_id"] if is_private else None)

    def keep(self, task: KeepCookies) -> list[object]:
        """The bot takes them; what it says of them."""
        result = self.handle(None, task)
        assert isinstance(result, CookiesKept)
        words = catalogue_of("en")
        assert all(notice(words, said) for said in result.reply.notices)
        return [said.about for said in result.reply.notices]

    def is_in_chat(self, task: KeepCookies) -> bool:
        return any(
            each.message_id == task.message_id and not each.deleted for each in self.api.chat(CHAT)
        )

    @property
    def stored(self) -> dict[str, str]:
        return {path.name: path.read_text() for path in (self.data / "cookies").glob("*")}


@pytest.fixture
def api() -> Iterator[BotApi]:
    with BotApi(TOKEN) as api:
        yield api


@pytest.fixture
def admin(api: BotApi, tmp_path: Path) -> Admin:
    return Admin(api, tmp_path)


def test_cookies_are_stored_for_their_sites(admin: Admin, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    task = admin.send(HEADER + line("youtube.com") + line("m.x.com") + line("old.example", 1))
    for _ in range(2):  # a worker that was lost in between does it again
        said = admin.keep(task)
        assert said == [Topic.COOKIES_KEPT, Topic.COOKIES_EXPIRED, Topic.COOKIES_REMOVED]
    assert admin.stored == {
        "youtube.com.txt": HEADER + line("youtube.com"),
        "x.com.txt": HEADER + line("m.x.com"),
    }
    for path in (admin.data / "cookies").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((admin.data / "cookies").stat().st_mode) == 0o700
    assert not admin.is_in_chat(task)
    assert SECRET not in caplog.text
    assert TOKEN not in caplog.text


def test_new_cookies_take_the_place_of_old_ones(admin: Admin) -> None:
    admin.keep(admin.send(line("youtube.com") + line("a.youtube.com")))
    admin.keep(admin.send(line("youtube.com")))
    assert admin.stored == {"youtube.com.txt": HEADER + line("youtube.com")}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a recipe", Topic.COOKIES_UNREADABLE),
        ('[{"domain": "a.example"}]', Topic.COOKIES_UNREADABLE),
        (b"\xff\xfe\0", Topic.COOKIES_UNREADABLE),
        (line("a.example", 1), Topic.COOKIES_EXPIRED),
        (line("a.example") * 30_000, Topic.COOKIES_TOO_LARGE),
        ("".join(line(f"site{number}.example") for number in range(30)), Topic.COOKIES_TOO_LARGE),
    ],
    ids=range(6),
)
def test_what_is_not_kept_is_removed_too(admin: Admin, content: str | bytes, said: Topic) -> None:
    task = admin.send(content)
    assert admin.keep(task) == [said, Topic.COOKIES_REMOVED]
    assert admin.stored == {}
    assert not admin.is_in_chat(task)


def test_those_in_a_group_are_removed_alone(admin: Admin) -> None:
    task = admin.send(line("a.example"), is_private=False)
    assert admin.keep(task) == [Topic.COOKIES_PRIVATELY, Topic.COOKIES_REMOVED]
    assert admin.stored == {}
    assert not any(call.method == "getFile" for call in admin.api.calls)


def test_a_message_that_cannot_be_removed_is_said_to_be_there(
    admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise JobError(Reason.INTERNAL, Fault.PERMANENT, "message can't be deleted")

    monkeypatch.setattr(Client, "delete_message", refuse)
    task = admin.send(line("a.example"))
    assert admin.keep(task) == [Topic.COOKIES_KEPT, Topic.COOKIES_LEFT]


def test_a_file_that_telegram_does_not_know_is_asked_for_again(admin: Admin) -> None:
    task = KeepCookies(Reader(CHAT), admin.send(line("a.example")).message_id, "another")
    assert admin.keep(task) == [Topic.COOKIES_NOT_FETCHED, Topic.COOKIES_REMOVED]


def test_a_server_in_trouble_is_asked_again(
    admin: Admin, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    task = admin.send(line("a.example"))
    for method in ("getFile", "deleteMessage"):
        admin.api.faults.add(Trouble(method, "server_error"))
        with pytest.raises(TelegramUnreachable):
            admin.keep(task)
    # The file itself, whose address has the token in it.
    with monkeypatch.context() as patched:
        patched.setattr("worker.telegram.client.quote", lambda _: "documents/gone.txt")
        with pytest.raises(TelegramUnreachable) as caught:
            admin.keep(task)
    assert TOKEN not in f"{caught.value!r} {caught.value.__context__!r} {caplog.text}"
    assert admin.keep(task) == [Topic.COOKIES_KEPT, Topic.COOKIES_REMOVED]


def test_a_local_server_says_where_the_file_is(tmp_path: Path) -> None:
    with BotApi(TOKEN, local=True) as api:
        admin = Admin(api, tmp_path, local=True)
        assert admin.keep(admin.send(line("a.example")))[0] is Topic.COOKIES_KEPT
        assert admin.stored == {"a.example.txt": HEADER + line("a.example")}


@pytest.mark.parametrize(("code", "is_repeated"), [(errno.ENOSPC, True), (errno.EACCES, False)])
def test_a_directory_that_cannot_be_written(
    admin: Admin, monkeypatch: pytest.MonkeyPatch, code: int, is_repeated: bool
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(cookies, "_write", refuse)
    task = admin.send(line("a.example"))
    if is_repeated:
        with pytest.raises(JobError) as caught:
            admin.keep(task)
        assert caught.value.reason is Reason.DISK_FULL
        assert admin.is_in_chat(task)
    else:
        assert admin.keep(task) == [Topic.COOKIES_NOT_STORED, Topic.COOKIES_REMOVED]
