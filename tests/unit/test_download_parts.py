"""The small parts of a download: its channel, its words, its workspace, the outline of an MP4."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.clips import SAMPLE
from worker.downloads import workspace
from worker.downloads.channel import LINE_LIMIT_BYTES, Receiver, Sender
from worker.downloads.decoding import Garbled
from worker.downloads.media.mp4 import reader
from worker.downloads.reports import MAX_QUALITIES, FoundMedia, ReadyFile, Result
from worker.downloads.text import clean, without_paths
from worker.errors import Fault, JobError, Reason
from worker.protocol import MediaFacts, MediaKind, Note, Progress, Stage
from worker.protocol.as_json import to_json
from worker.protocol.choices import MAX_CHAPTERS, Chapter, Language, Quality, SiteOffer, Subtitles

FACTS = MediaFacts(MediaKind.VIDEO, "Title", "Ada", 320, 240, 3.0, Note.CUT, part=1, parts=2)
FILE = ReadyFile("media.mp4", FACTS, "media.jpg")
OFFER = SiteOffer(
    (Quality(720, 1000),),
    "Two\nlines",
    (Chapter("Intro", 0.0, 9.5),),
    (Language("en", is_original=True), Language("de", is_dubbed=True)),
    (Subtitles("en"), Subtitles("de", is_automatic=True)),
)
RESULT = Result((FILE, ReadyFile("media-2.mp4", MediaFacts(MediaKind.AUDIO))), OFFER)


def sent(*messages: Progress | FoundMedia | Result | JobError) -> bytes:
    read_fd, write_fd = os.pipe()
    sender = Sender(write_fd)
    for message in messages:
        match message:
            case Progress() | FoundMedia():
                sender.report(message)
            case Result():
                sender.send_result(message)
            case JobError():
                sender.send_failure(message)
    os.close(write_fd)
    with os.fdopen(read_fd, "rb") as file:
        return file.read()


def test_messages_arrive_as_they_were_sent_in_pieces_of_any_size() -> None:
    progress = Progress(Stage.DOWNLOADING, 10, 100, 5.0, 18.0)
    data = sent(progress, RESULT)
    receiver = Receiver()
    received = [m for i in range(len(data)) for m in receiver.feed(data[i : i + 1])]
    assert received == [progress, RESULT]


def test_a_failure_arrives_with_all_it_says() -> None:
    (error,) = Receiver().feed(
        sent(JobError(Reason.SITE_BUSY, Fault.RETRYABLE, "why", 5, languages=("de", "<b>", "en")))
    )
    assert isinstance(error, JobError)
    assert (error.reason, error.fault) == (Reason.SITE_BUSY, Fault.RETRYABLE)
    assert (error.detail, error.retry_after_s) == ("why", 5)
    assert error.languages == ("de", "en"), "those that are tags of languages"


def test_no_failure_asks_for_a_longer_wait_than_a_day() -> None:
    (error,) = Receiver().feed(sent(JobError(Reason.SITE_BUSY, Fault.RETRYABLE, "why", 1e7)))
    assert isinstance(error, JobError)
    assert error.retry_after_s == 24 * 3600


PROGRESS = {"stage": "downloading", "done_bytes": 1, "total_bytes": 2, "speed_bps": 1, "eta_s": 1}


def offering(**offer: Any) -> dict[str, Any]:
    """The fields of a result whose offer a download process has made up in part."""
    fields = to_json(Result((FILE,)))
    return fields | {"offer": fields["offer"] | offer}


QUALITY = {"height": 720, "size_bytes": 1000, "messages": 1, "fps": None, "is_hdr": False}
RUBBISH_QUALITIES: list[Any] = [
    *(None, 1, [None], [[]], [{}], [QUALITY] * (MAX_QUALITIES + 1)),
    [QUALITY | {"height": "720"}],
    [QUALITY | {"size_bytes": True}],
    [QUALITY | {"size_bytes": [1]}],
    [QUALITY | {"messages": "1"}],
]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"[" * 20000,
        b'{"progress": {}}',
        b'{"progress": null}',
        b'{"finished": []}',
        b'{"finished": {"files": []}}',
        *(
            json.dumps({"finished": to_json(RESULT) | {"files": [file]}}).encode()
            for file in (
                to_json(FILE) | {"name": 1},
                to_json(FILE) | {"thumbnail": []},
                to_json(FILE) | {"facts": None},
                {"name": "media.mp4", "facts": to_json(FACTS)},
                *(
                    to_json(FILE) | {"facts": to_json(FACTS) | change}
                    for change in (
                        {"kind": "film"},
                        {"kind": None},
                        {"title": 1},
                        {"uploader": ["Ada"]},
                        {"width": -1},
                        {"height": 1 << 20},
                        {"duration_s": float("inf")},
                        {"note": "bought"},
                        {"part": "1"},
                        {"parts": 1000},
                    )
                ),
            )
        ),
        *(
            json.dumps({"finished": offering(qualities=rubbish)}).encode()
            for rubbish in RUBBISH_QUALITIES
        ),
        b'{"other": {}}',
        b'{"progress": {}, "finished": {}}',
        *(
            json.dumps({"progress": PROGRESS | change}).encode()
            for change in (
                {"stage": "elsewhere"},
                {"stage": None},
                {"done_bytes": -1},
                {"done_bytes": "1"},
                {"done_bytes": True},
                {"done_bytes": 1e300},
                {"done_bytes": 10**400},
                {"done_bytes": float("nan")},
                {"total_bytes": [1]},
                {"eta_s": float("inf")},
            )
        ),
    ],
)
def test_rubbish_is_called_so(line: bytes) -> None:
    with pytest.raises(Garbled):
        list(Receiver().feed(line + b"\n"))


@pytest.mark.parametrize(
    "change",
    [
        {"size_bytes": 1 << 51},
        {"size_bytes": 10**400},
        {"size_bytes": -1},
        {"size_bytes": float("inf")},
        {"size_bytes": float("nan")},
        {"height": 0},
        {"height": 1 << 20},
        {"height": -720},
        {"messages": 1000},
        {"messages": -1},
        {"fps": -1},
        {"fps": 10**9},
    ],
)
def test_a_quality_that_cannot_be_true_costs_no_file(change: dict[str, float]) -> None:
    qualities = [QUALITY | change, QUALITY]
    fields = offering(qualities=qualities)
    (result,) = Receiver().feed(json.dumps({"finished": fields}).encode() + b"\n")
    assert result == Result((FILE,), SiteOffer((Quality(720, 1000),)))


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("One\n\n\n\n two \u202e\x07\r\nthree\n", "One\n\ntwo\nthree"),
        (" \n\u200b\n", ""),
        ("x" * 5000, "x" * 2000),
        ("\U0001f600" * 5000, "\U0001f600" * 2000),
    ],
)
def test_description_is_kept_in_its_lines_and_harmless(said: str, kept: str) -> None:
    (result,) = Receiver().feed(sent(Result((FILE,), SiteOffer(description=said))))
    assert result == Result((FILE,), SiteOffer(description=kept))


def test_chapters_are_bounded_and_harmless() -> None:
    many = [{"title": f"{at} \u202e{'x' * 300}", "start_s": at, "end_s": 500} for at in range(400)]
    fields = offering(chapters=many)
    (result,) = Receiver().feed(json.dumps({"finished": fields}).encode() + b"\n")
    assert isinstance(result, Result)
    assert len(result.offer.chapters) == MAX_CHAPTERS
    assert result.offer.chapters[1] == Chapter(f"1 {'x' * 198}", 1, 500)


@pytest.mark.parametrize(
    "chapters",
    [
        *(None, "x", {"x": 1}, [{}], [["x", 0, 1]]),
        [{"title": "x", "start_s": 0, "end_s": -1}],
        [{"title": "x", "start_s": 0, "end_s": 1e18}],
        [{"title": 5, "start_s": 0, "end_s": 1}],
    ],
)
def test_chapters_that_are_none_are_no_message(chapters: object) -> None:
    fields = offering(chapters=chapters)
    with pytest.raises(Garbled):
        list(Receiver().feed(json.dumps({"finished": fields}).encode() + b"\n"))


@pytest.mark.parametrize("description", [None, 17, ["x"], {}])
def test_description_that_is_no_text_is_no_message(description: object) -> None:
    fields = offering(description=description)
    with pytest.raises(Garbled):
        list(Receiver().feed(json.dumps({"finished": fields}).encode() + b"\n"))


@pytest.mark.parametrize("figure", [1e18, 10**400, 1e300, float("inf"), float("nan"), -1.0])
def test_a_figure_that_cannot_be_true_is_not_sent(figure: float) -> None:
    progress = Progress(Stage.DOWNLOADING, 10, figure, figure, figure)  # type: ignore[arg-type]
    qualities = (Quality(720, figure, 2), Quality(480))  # type: ignore[arg-type]
    result = Result((FILE,), SiteOffer(qualities))
    failure = JobError(Reason.SITE_BUSY, Fault.RETRYABLE, retry_after_s=figure)
    said, finished, failed = Receiver().feed(sent(progress, result, failure))
    assert said == Progress(Stage.DOWNLOADING, 10)
    assert finished == Result((FILE,), SiteOffer((Quality(720, None, 2), Quality(480))))
    assert isinstance(failed, JobError)
    assert failed.retry_after_s is None


def test_a_line_has_a_limit_before_it_ends() -> None:
    with pytest.raises(Garbled):
        list(Receiver().feed(b"x" * (LINE_LIMIT_BYTES + 1)))


def test_words_are_cleaned_by_the_side_that_can_be_trusted() -> None:
    facts = replace(FACTS, title="a\u202eb\x00c\nd" + "e" * 1000)
    (result,) = Receiver().feed(sent(Result((replace(FILE, facts=facts),))))
    assert isinstance(result, Result)
    (file,) = result.files
    assert file.facts.title.startswith("ab c de")
    assert len(file.facts.title) == 300


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("plain", "plain"),
        ("  two\n\n lines\t", "two lines"),
        ("x\u202egpj.exe", "xgpj.exe"),
        ("bell\x07", "bell"),
        ("half \ud800", "half"),
        ("naïve – „日本“ 👩‍👩‍👧", "naïve – „日本“ 👩‍👩‍👧"),
        ("abcdefghijkl", "abcdefghij"),
    ],
)
def test_clean_words(text: str, cleaned: str) -> None:
    limit = 10 if text.startswith("abc") else 100
    assert clean(text, limit) == cleaned


def test_a_url_keeps_its_host_only() -> None:
    text = "see https://user:pass@host.example:8443/a/b?token=1#x, 'http://b.example?x=1' end"
    shown = without_paths(text)
    assert shown == "see https://host.example:8443/… 'http://b.example/…' end"


# ---------------------------------------------------------------------------------- workspace


def test_a_workspace_is_private_and_empty(tmp_path: Path) -> None:
    directory = tmp_path / "downloads" / "1-1"
    workspace.create(directory)
    (directory / "old").touch()
    workspace.create(directory)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert list(directory.iterdir()) == []


def test_removing_what_is_gone_is_nothing(tmp_path: Path) -> None:
    workspace.remove(tmp_path / "never")


def test_size_counts_files_at_any_depth_once_and_no_links(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a").write_bytes(bytes(1000))
    (tmp_path / "b").write_bytes(bytes(10))
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "b again").hardlink_to(tmp_path / "b")
    assert workspace.size_bytes(tmp_path) == 1010
    assert workspace.size_bytes(tmp_path / "never") == 0


def test_keep_only_removes_all_else(tmp_path: Path) -> None:
    for name in ("keep", "go"):
        (tmp_path / name).touch()
    (tmp_path / "directory").mkdir()
    (tmp_path / "directory" / "file").touch()
    workspace.keep_only(tmp_path, {"keep"})
    assert [entry.name for entry in tmp_path.iterdir()] == ["keep"]


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "/etc/passwd", "a/b", "a\0b", "directory"])
def test_a_path_is_no_file_of_ours(tmp_path: Path, name: str) -> None:
    (tmp_path / "directory").mkdir()
    with pytest.raises(ValueError, match="file"):
        workspace.private_file_bytes(tmp_path, name)


# ---------------------------------------------------------------------------------------- mp4


def test_the_outline_of_a_real_clip() -> None:
    outline = reader.read(SAMPLE)
    assert outline.is_mp4
    assert outline.is_streamable
    assert outline.duration_s == pytest.approx(3.0, abs=0.1)


def box(kind: bytes, content: bytes = b"", size: int | None = None) -> bytes:
    return (len(content) + 8 if size is None else size).to_bytes(4, "big") + kind + content


@pytest.mark.parametrize(
    ("data", "is_mp4", "is_streamable"),
    [
        (b"", False, False),
        (b"GIF89a", False, False),
        (b"\x47" + bytes(187), False, False),
        (box(b"ftyp"), True, False),
        (box(b"ftyp") + box(b"moov") + box(b"mdat"), True, True),
        (box(b"ftyp") + box(b"free") + box(b"moov") + box(b"mdat"), True, True),
        (box(b"ftyp") + box(b"mdat") + box(b"moov"), True, False),
        (box(b"ftyp") + box(b"moov") + box(b"moof") + box(b"mdat"), True, False),
        (box(b"ftyp") + box(b"free", size=3), True, False),
        (box(b"ftyp") + box(b"free", size=0) + box(b"moov"), True, False),
        (box(b"ftyp") + box(b"free", (1 << 62).to_bytes(8, "big"), size=1), True, False),
        (box(b"ftyp") + 1000 * box(b"free") + box(b"moov"), True, False),
    ],
)
def test_the_outline_of_made_up_files(
    tmp_path: Path, data: bytes, is_mp4: bool, is_streamable: bool
) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    outline = reader.read(path)
    assert (outline.is_mp4, outline.is_streamable) == (is_mp4, is_streamable)
