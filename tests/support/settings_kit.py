"""Settings read from what a test says, and what is wrong with them."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from worker.settings import Settings, SettingsError, load_settings

SECRET = "AAFakeFakeFakeFakeFakeFakeFakeFake0"
TOKEN = f"123456789:{SECRET}"
OTHER_TOKEN = "987654321:BBOtherOtherOtherOtherOtherOther00"


def load(environ: Mapping[str, str] | None = None, dotenv_file: Path | None = None) -> Settings:
    return load_settings({"BOT_TOKEN": TOKEN} | dict(environ or {}), dotenv_file)


def problems(environ: Mapping[str, str], dotenv_file: Path | None = None) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ, dotenv_file)
    assert "\n" not in str(caught.value)
    assert SECRET not in str(caught.value) + repr(caught.value)
    return caught.value.problems
