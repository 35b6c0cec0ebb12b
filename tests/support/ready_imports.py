"""What processes of `ready_process` find done: imported, and ffmpeg asked for its version."""

import importlib

from yt_dlp.postprocessor import FFmpegPostProcessor  # type: ignore[attr-defined]

import tests.support.downloads_harness  # noqa: F401

for name in ("generic", "youtube"):
    importlib.import_module(f"yt_dlp.extractor.{name}")
FFmpegPostProcessor.get_versions()
