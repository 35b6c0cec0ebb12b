"""Which items of a post are downloaded, in which order, and which of them may be missing."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.download_limits import limits_with
from worker.clocks import Monotonic
from worker.downloads.limits import DownloadLimits
from worker.downloads.pictures import post
from worker.downloads.pictures.post import Item, Post, Source
from worker.downloads.reports import MAX_FILES
from worker.downloads.ytdlp.extractor_index import ExtractorIndex
from worker.downloads.ytdlp.network.page_limits import LimitedYoutubeDL
from worker.downloads.ytdlp.patience import Patience
from worker.downloads.ytdlp.posts import PostYoutubeDL
from worker.downloads.ytdlp.transfer.downloader import PatientYoutubeDL
from worker.errors import Fault, JobError, Reason
from worker.form import SOUND, Form, What

ITEM_BYTES = 1000
PARAMS = {"quiet": True, "cachedir": False, "lazy_playlist": True}

Make = Callable[..., PostYoutubeDL]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Make]:
    """Makes a YoutubeDL that downloads from nowhere; what fails is named by its path."""

    def download(_ydl: LimitedYoutubeDL, info: dict[str, Any], *_: object, **__: object) -> Any:
        url = info.get("url") or info["formats"][-1]["url"]
        name = url.rpartition("/")[2]
        if reason := next((each for each in Reason if each.name.lower() == name), None):
            raise JobError(reason, Fault.PERMANENT)
        path = tmp_path / name
        path.write_bytes(bytes(ITEM_BYTES))
        return {**info, "requested_downloads": [{"filepath": str(path)}]}

    monkeypatch.setattr(LimitedYoutubeDL, "process_video_result", download)
    made: list[PostYoutubeDL] = []

    def make(max_bytes: int = 10**9, **options: Any) -> PostYoutubeDL:
        params = {**PARAMS, "playlist_items": f"1:{MAX_FILES}"}
        limits = limits_with(max_file_bytes=max_bytes, max_items=0)
        made.append(PostYoutubeDL(params, ExtractorIndex({}), lambda _: None, limits, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


def picture(*names: str) -> Item:
    found = post.picture(*(f"https://a.test/{name}" for name in names))
    assert found
    return found


def video(*names: str) -> Item:
    found = post.video(*(Source(f"https://a.test/{name}") for name in names))
    assert found
    return found


def done(ydl: PostYoutubeDL, *items: Item) -> list[str]:
    """The names of the items that come."""
    result = ydl._process_post(Post("Site", "1", items).for_ytdlp(), True, None)
    found = filter(None, result["entries"])
    return [Path(entry["requested_downloads"][0]["filepath"]).name for entry in found]


def reasons(ydl: PostYoutubeDL) -> list[Reason]:
    return [error.reason for error in ydl.left_out if isinstance(error, JobError)]


@pytest.mark.parametrize("count", [1, 2, 10, 11, 35, MAX_FILES, MAX_FILES + 1, 300])
def test_a_post_comes_in_its_order_up_to_what_one_answer_holds(make: Make, count: int) -> None:
    ydl = make()
    names = [f"{number}.jpg" for number in range(count)]
    assert done(ydl, *map(picture, names)) == names[:MAX_FILES]
    assert (ydl.left_out, ydl.has_more) == ([], count > MAX_FILES)


def test_a_picture_is_had_where_it_can_be_had(make: Make) -> None:
    ydl = make()
    assert done(ydl, picture("not_found", "forbidden", "c.jpg", "d.jpg")) == ["c.jpg"]
    assert ydl.left_out == []


@pytest.mark.parametrize(
    "name", ["not_found", "forbidden", "site_error", "network", "site_busy", "empty_file", "drm"]
)
def test_what_cannot_be_had_is_left_out(make: Make, name: str) -> None:
    ydl = make()
    assert done(ydl, picture("a.jpg"), picture(name), video("v.mp4")) == ["a.jpg", "v.mp4"]
    assert reasons(ydl) == [Reason[name.upper()]]


@pytest.mark.parametrize("name", ["disk_full", "out_of_memory", "crashed", "internal", "timed_out"])
def test_what_would_fail_all_items_fails_the_post(make: Make, name: str) -> None:
    with pytest.raises(JobError):
        done(make(), picture("a.jpg"), picture(name, "b.jpg"), video("v.mp4"))


@pytest.mark.parametrize(
    ("item", "leaves_out_large", "is_left_out"),
    [
        (picture("too_large"), False, True),
        (video("too_large"), False, True),
        (video("small.mp4", "too_large"), False, False),
        (video("small.mp4", "too_large"), True, True),
    ],
)
def test_a_video_that_is_too_large_has_smaller_ones_tried_first(
    make: Make, item: Item, leaves_out_large: bool, is_left_out: bool
) -> None:
    ydl = make()
    ydl.leaves_out_large = leaves_out_large
    if is_left_out:
        assert done(ydl, picture("a.jpg"), item) == ["a.jpg"]
        assert reasons(ydl) == [Reason.TOO_LARGE]
    else:
        with pytest.raises(JobError):
            done(ydl, picture("a.jpg"), item)


def test_no_item_is_begun_once_enough_has_come(make: Make) -> None:
    ydl = make(max_bytes=2 * ITEM_BYTES)
    assert done(ydl, *(picture(f"{n}.jpg") for n in range(5))) == ["0.jpg", "1.jpg"]
    assert (ydl.left_out, ydl.has_more) == ([], True)


def test_only_sound_is_wanted(make: Make) -> None:
    assert done(make(form=SOUND), picture("a.jpg"), video("v.mp4")) == ["v.mp4"]
    with pytest.raises(JobError) as caught:
        done(make(form=SOUND), picture("a.jpg"))
    assert caught.value.reason is Reason.NO_SOUND


def test_another_try_begins_afresh(make: Make) -> None:
    ydl = make(max_bytes=ITEM_BYTES)
    items = (picture("not_found"), picture("a.jpg"), picture("b.jpg"))
    for _ in range(2):
        assert done(ydl, *items) == ["a.jpg"]
        assert (reasons(ydl), ydl.has_more) == ([Reason.NOT_FOUND], True)
        ydl.begin_again()
    assert (ydl.left_out, ydl.has_more, ydl.is_in_post) == ([], False, False)


def of_an_extractor(ydl: PostYoutubeDL, entries: Any) -> list[str]:
    """The names of what comes of media that an extractor has found by itself."""
    playlist = {"_type": "playlist", "id": "1", "title": "A post", "entries": entries}
    origin = {"extractor": "site", "extractor_key": "Site", "webpage_url": "https://a.test/1"}
    found = filter(None, ydl.process_ie_result({**playlist, **origin}, True)["entries"])
    return [Path(entry["requested_downloads"][0]["filepath"]).name for entry in found]


def media(number: int) -> dict[str, Any]:
    return {"id": str(number), "title": "t", "url": f"https://a.test/{number}.mp4", "ext": "mp4"}


@pytest.mark.parametrize("count", [2, 10, 11, 35, MAX_FILES, MAX_FILES + 1])
def test_all_videos_of_a_post_come_up_to_what_one_answer_holds(make: Make, count: int) -> None:
    ydl = make()
    wanted = [f"{number}.mp4" for number in range(min(count, MAX_FILES))]
    assert of_an_extractor(ydl, [media(number) for number in range(count)]) == wanted
    assert ydl.has_more == (count > MAX_FILES)


@pytest.mark.parametrize(("count", "has_more"), [(10, False), (11, True), (300, True)])
def test_of_what_may_be_a_channel_few_come_and_that_is_told(
    make: Make, count: int, has_more: bool
) -> None:
    asked: list[int] = []

    def entries() -> Iterator[dict[str, Any]]:
        for number in range(count):
            asked.append(number)
            yield media(number)

    ydl = make()
    assert of_an_extractor(ydl, entries()) == [f"{number}.mp4" for number in range(10)]
    assert ydl.has_more == has_more
    assert len(asked) <= 11


@pytest.mark.negative
def test_without_care_for_items_one_would_end_the_post(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PostYoutubeDL, "process_ie_result", PatientYoutubeDL.process_ie_result)
    with pytest.raises(JobError):
        done(make(), picture("not_found"), picture("a.jpg"))


@pytest.mark.parametrize(
    ("limits", "timeout_s", "done_bytes"),
    [
        (limits_with(timeout_s=60, idle_timeout_s=60), 60, 0),
        (limits_with(timeout_s=60, idle_timeout_s=20), 20, 0),
        (limits_with(timeout_s=60, idle_timeout_s=90, slowest_bps=1000), 70, 10_000),
        (limits_with(timeout_s=60, idle_timeout_s=90, job_timeout_s=65), 65, 10**9),
    ],
)
def test_items_that_are_silent_one_after_another_never_use_up_the_time(
    limits: DownloadLimits, timeout_s: float, done_bytes: int
) -> None:
    now = 100.0
    patience = Patience(limits, lambda: Monotonic(now))
    assert patience.silence_s(done_bytes) == pytest.approx(timeout_s / 4)
    for _ in range(12):
        now += patience.silence_s(done_bytes)
    assert now < 100 + timeout_s


def test_a_post_comes_without_what_there_is_no_time_for(make: Make) -> None:
    now = 0.0
    limits = limits_with(timeout_s=60, slowest_bps=ITEM_BYTES)
    ydl = make(patience=Patience(limits, lambda: Monotonic(now)))
    names = ("1.jpg", "2.jpg", "3.jpg")
    now = 59.0
    assert done(ydl, *map(picture, names)) == ["1.jpg"]
    assert reasons(ydl) == [Reason.TIMED_OUT] * 2
    ydl.begin_again()
    now = 40.0
    assert done(ydl, *map(picture, names)) == list(names)
    assert reasons(ydl) == []


def a_cover(make: Make, info: dict[str, Any]) -> Any:
    """What is downloaded where the cover of a video is wanted."""
    ydl = make(form=Form(What.COVER))
    return ydl.process_video_result(info)["url"]


SITE = "https://pictures.example"
THUMBNAILS = [
    {"url": f"{SITE}/small.jpg", "width": 100, "height": 100},
    {"url": f"{SITE}/large.jpg", "width": 900, "height": 900},
    {"url": f"{SITE}/not_found", "preference": 2},
]


def test_the_largest_cover_that_the_site_has_is_taken(make: Make) -> None:
    video = {"id": "v", "title": "t", "url": "https://v.example/v.mp4", "thumbnails": THUMBNAILS}
    assert a_cover(make, video) == f"{SITE}/large.jpg"
    assert a_cover(make, {**video, "thumbnails": THUMBNAILS[:1]}) == f"{SITE}/small.jpg"


def test_a_cover_that_is_named_alone_is_taken(make: Make) -> None:
    assert a_cover(make, {"id": "v", "thumbnail": f"{SITE}/a.jpg"}) == f"{SITE}/a.jpg"
    with pytest.raises(JobError) as gone:
        a_cover(make, {"id": "v", "thumbnail": f"{SITE}/not_found"})
    assert gone.value.reason is Reason.NOT_FOUND


@pytest.mark.parametrize("form", [Form(What.COVER), Form(What.SUBTITLES)])
def test_what_is_beside_a_video_is_not_taken_for_what_its_site_has_found(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: Form
) -> None:
    monkeypatch.chdir(tmp_path)
    english = {"en": [{"ext": "srt", "data": "1"}]}
    video = {"id": "v", "title": "t", "thumbnails": THUMBNAILS, "subtitles": english}
    found = list[object]()
    ydl = make(form=form, on_extracted=found.append)
    ydl.process_video_result(video)
    assert found[:1] == [video]


@pytest.mark.parametrize(
    "info",
    [
        {},
        {"thumbnail": "file:///etc/passwd"},
        {"thumbnail": 17, "thumbnails": ["x", {"url": None}, {"url": "data:image/png,"}]},
    ],
)
def test_what_has_no_cover_is_refused(make: Make, info: dict[str, Any]) -> None:
    with pytest.raises(JobError) as refused:
        a_cover(make, {"id": "v", "url": "https://v.example/v.mp4", **info})
    assert refused.value.reason is Reason.NO_COVER


def test_of_a_post_the_first_picture_is_its_cover(make: Make) -> None:
    ydl = make(form=Form(What.COVER))
    assert done(ydl, picture("a.jpg"), picture("b.jpg")) == ["a.jpg"]
