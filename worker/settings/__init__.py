"""The settings: one frozen dataclass from the environment and `.env`, validated once.

`load_settings` is called at the start and its result passed on; nothing reads it as a global.
"""

from worker.settings.loading import SettingsError, load_settings
from worker.settings.settings import MEBIBYTE, SLOWEST_DOWNLOAD_BPS, Settings
from worker.settings.variables import VARIABLES

__all__ = [
    "MEBIBYTE",
    "SLOWEST_DOWNLOAD_BPS",
    "VARIABLES",
    "Settings",
    "SettingsError",
    "load_settings",
]
