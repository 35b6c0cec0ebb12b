"""What ffprobe says of a file, for tests that compare media."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Probed:
    """Duration in seconds, width and height in pixels (None without a picture)."""

    duration_s: float
    width: int | None
    height: int | None


def probe(path: Path) -> Probed:
    """Look at a media file. Raises CalledProcessError when it is none."""
    command = ["ffprobe", "-v", "error", "-show_entries", "format=duration:stream=width,height"]
    done = subprocess.run([*command, "-of", "json", path], capture_output=True, check=True)
    found = json.loads(done.stdout)
    video: dict[str, int] = next((s for s in found["streams"] if "width" in s), {})
    return Probed(float(found["format"]["duration"]), video.get("width"), video.get("height"))
