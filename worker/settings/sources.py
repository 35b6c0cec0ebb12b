"""Where the texts of the settings come from: the environment, and behind it a `.env` file."""

import difflib
import stat
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from worker.settings import dotenv

ENVIRONMENT = "environment"


@dataclass(frozen=True)
class Text:
    """What somebody wrote for a setting, and where: a file, for people a place in it."""

    value: str
    source: str
    place: str


class Sources:
    """The texts of the `known` names. Collects what is wrong or odd, without showing values."""

    def __init__(self, environ: Mapping[str, str], known: Collection[str]) -> None:
        self.problems: list[str] = []
        self.warnings: list[str] = []
        self._known = known
        self._texts = {
            name: Text(environ[name], ENVIRONMENT, ENVIRONMENT) for name in known if name in environ
        }

    def get(self, name: str) -> Text | None:
        """The text for `name`, None when nobody gave one or it is empty."""
        text = self._texts.get(name)
        return text if text is not None and text.value.strip() else None

    def add_dotenv(self, path: Path, secrets: Collection[str] = ()) -> None:
        """Adds what the file says and the environment does not; no file is no mistake.

        Warns of names that look like a misspelt setting, and of `secrets` that everyone may read.
        """
        try:
            content = path.read_text("utf-8")
            mode = path.stat().st_mode
        except FileNotFoundError:
            return
        except OSError as error:
            self.problems.append(f"{path} cannot be read: {error.strerror}")
            return
        except UnicodeDecodeError:
            self.problems.append(f"{path} cannot be read: it is not UTF-8 text")
            return
        lines, malformed = dotenv.parse(content)
        self.problems += (
            f"{path} line {number}: allowed is NAME=value, a comment, or nothing"
            for number in malformed
        )
        found: dict[str, Text] = {}
        for line in lines:
            place = f"{path.name} line {line.number}"
            if line.name in self._known:
                found[line.name] = Text(line.value, str(path), place)
            elif close := difflib.get_close_matches(line.name.upper(), self._known, 1, 0.8):
                self.warnings.append(f"{place}: {line.name} is no setting; is {close[0]} meant?")
        if mode & stat.S_IROTH and any(found[name].value for name in secrets if name in found):
            self.warnings.append(f"{path} holds secrets that everyone may read: chmod 600 it")
        self._texts = found | self._texts
