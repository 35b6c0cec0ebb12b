"""The settings: one frozen dataclass from the environment and `.env`, validated once.

`load_settings` is called at the start and its result passed on; nothing reads it as a global.
`SitesFile` gives the settings of the sites, which may change while the bot runs.
"""

from worker.settings.loading import load_settings, read_settings
from worker.settings.problems import SettingsError
from worker.settings.settings import MEBIBYTE, SLOWEST_DOWNLOAD_BPS, Settings
from worker.settings.sites import DEFAULT_SITES, Site, Sites
from worker.settings.sites_file import SitesFile
from worker.settings.value_kinds import YtDlpUpdates
from worker.settings.variables import VARIABLES

__all__ = [
    "DEFAULT_SITES",
    "MEBIBYTE",
    "SLOWEST_DOWNLOAD_BPS",
    "VARIABLES",
    "Settings",
    "SettingsError",
    "Site",
    "Sites",
    "SitesFile",
    "YtDlpUpdates",
    "load_settings",
    "read_settings",
]
