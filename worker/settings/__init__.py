"""The settings: one frozen dataclass from the environment and `.env`, validated once."""

from worker.settings.settings import MEBIBYTE, VARIABLES, Settings, SettingsError

__all__ = ["MEBIBYTE", "VARIABLES", "Settings", "SettingsError"]
