"""Collect the raw values of the settings: from the environment, else from a `.env` file."""

import difflib
import stat
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from worker.settings import dotenv

ENVIRONMENT = "environment"


@dataclass(frozen=True)
class RawValue:
    """The text that was given for a setting, and where: `place` is for messages."""

    text: str
    source: str
    place: str


class Sources:
    """The raw values of the `known` names, with problems and warnings about their sources.

    Neither shows a value, which may be a secret.
    """

    def __init__(self, environ: Mapping[str, str], known: Collection[str]) -> None:
        self.problems: list[str] = []
        self.warnings: list[str] = []
        self.is_complete = True
        """Whether all that was given could be read."""
        self._known = known
        self._values = {
            name: RawValue(environ[name], ENVIRONMENT, ENVIRONMENT)
            for name in known
            if name in environ
        }

    def get(self, name: str) -> RawValue | None:
        """The value given for `name`, None when there is none or it is blank."""
        value = self._values.get(name)
        return value if value is not None and value.text.strip() else None

    def add_dotenv(self, path: Path, secrets: Collection[str] = ()) -> None:
        """Add the file's values for names that the environment does not set.

        A missing file is fine. Warns of names that look like a misspelled setting, and of
        `secrets` in a file that everyone may read.
        """
        try:
            content = path.read_text("utf-8")
            mode = path.stat().st_mode
        except FileNotFoundError:
            return
        except OSError as error:
            self.is_complete = False
            whose = ", since it is not this user's" if isinstance(error, PermissionError) else ""
            self.problems.append(f"{path} cannot be read{whose}: {error.strerror}")
            return
        except UnicodeDecodeError:
            self.is_complete = False
            self.problems.append(f"{path} cannot be read: it is not UTF-8 text")
            return
        lines, malformed = dotenv.parse(content)
        self.problems += (
            f"{path} line {number}: allowed is NAME=value, a comment, or nothing"
            for number in malformed
        )
        found: dict[str, RawValue] = {}
        for line in lines:
            place = f"{path.name} line {line.number}"
            if line.name in self._known:
                found[line.name] = RawValue(line.value, str(path), place)
            elif close := difflib.get_close_matches(line.name.upper(), self._known, 1, 0.8):
                self.warnings.append(
                    f"{place}: {line.name} is not a setting; did you mean {close[0]}?"
                )
        if mode & stat.S_IROTH and any(found[name].text for name in secrets if name in found):
            self.warnings.append(f"{path} contains secrets and everyone may read it: chmod 600 it")
        self._values = found | self._values
