"""Which exception of yt-dlp means what."""

from __future__ import annotations

from pathlib import Path

import pytest
from yt_dlp.postprocessor import FFmpegPostProcessor  # type: ignore[attr-defined]
from yt_dlp.utils import (
    DownloadError,
)

from worker.downloads.ytdlp.failures.errors import classify
from worker.errors import Fault, Reason

RETRYABLE, PERMANENT, OPERATOR = Fault.RETRYABLE, Fault.PERMANENT, Fault.OPERATOR


def reported(cause: Exception, text: str = "") -> DownloadError:
    """As YoutubeDL.report_error makes it."""
    exc_info = (type(cause), cause, cause.__traceback__)
    return DownloadError(f"ERROR: {text or cause}", exc_info)  # type: ignore[arg-type]


def said(text: str) -> DownloadError:
    return DownloadError(f"ERROR: {text}")


@pytest.mark.parametrize("is_there", [True, False])
def test_ffmpeg_that_gives_no_version_is_missing_only_if_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    (tmp_path / "ffmpeg").write_text("#!/bin/sh\nkill -KILL $$\n")
    (tmp_path / "ffmpeg").chmod(0o700 if is_there else 0o600)
    monkeypatch.setenv("PATH", str(tmp_path))
    error = classify(said("merging of multiple formats but ffmpeg is not installed"))
    expected = (Reason.CRASHED, Fault.RETRYABLE) if is_there else (Reason.INTERNAL, OPERATOR)
    assert (error.reason, error.fault) == expected


def test_ffmpeg_that_is_killed_under_yt_dlp_may_be_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ffmpeg = tmp_path / "ffmpeg"
    ffmpeg.write_text(
        '#!/bin/sh\ncase "$*" in *-bsfs*) echo "ffmpeg version 7.1";; *) kill -KILL $$;; esac\n'
    )
    ffmpeg.chmod(0o700)
    (tmp_path / "ffprobe").symlink_to(ffmpeg)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(FFmpegPostProcessor, "_version_cache", {None: None})
    source = tmp_path / "source.mp4"
    source.touch()
    with pytest.raises(IndexError) as caught:
        FFmpegPostProcessor().run_ffmpeg(str(source), str(tmp_path / "target.mp4"), [])
    error = classify(reported(caught.value))
    assert (error.reason, error.fault) == (Reason.CRASHED, Fault.RETRYABLE)
