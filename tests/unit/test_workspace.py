"""The directory of a download attempt: how its files are called."""

from pathlib import Path

import pytest

from worker.downloads import workspace


@pytest.mark.parametrize(
    ("name", "others", "found"),
    [
        ("Кино.m4a", [], "Кино.m4a"),
        ("media.m4a", [], "media.m4a"),
        ("Кино.m4a", ["Кино.m4a"], "Кино 2.m4a"),
        ("Кино.m4a", ["Кино.m4a", "Кино 2.m4a"], "Кино 3.m4a"),
        ("x" * 300, [], "media.m4a"),
        ("lone \ud83c", [], "media.m4a"),
    ],
)
def test_file_is_renamed_and_no_other_is_lost(
    tmp_path: Path, name: str, others: list[str], found: str
) -> None:
    path = tmp_path / "media.m4a"
    path.write_text("own")
    for other in others:
        (tmp_path / other).write_text(other)
    assert workspace.rename(path, name) == tmp_path / found
    assert (tmp_path / found).read_text() == "own"
    assert {entry.name for entry in tmp_path.iterdir()} == {found, *others}
