"""Sound that was encoded to be small, and is not."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.download_limits import limits_with
from worker.downloads.media import sound_cutting
from worker.downloads.media.contents import Contents
from worker.downloads.reports import ReadyFile
from worker.errors import Fault, JobError, Reason
from worker.protocol import MediaFacts, MediaKind


def test_sound_that_stays_too_large_when_encoded_is_called_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def finish(path: Path, *_: Any) -> ReadyFile:
        path.rename(path.with_suffix(".m4a"))
        return ReadyFile(f"{path.stem}.m4a", MediaFacts(MediaKind.AUDIO))

    monkeypatch.setattr(sound_cutting, "finish", finish)
    path = tmp_path / "song.wav"
    path.write_bytes(bytes(60_000))
    # By the length that it claims it would be small.
    found = Contents(frozenset({"wav"}), audio="pcm_s16le", duration_s=1.0)
    with pytest.raises(JobError) as caught:
        sound_cutting.cut_sound(path, found, {}, limits_with(max_file_bytes=50_000))
    assert (caught.value.reason, caught.value.fault) == (Reason.TOO_LARGE, Fault.PERMANENT)
