"""What the bot does, in the main process and in its workers."""

from pathlib import Path

__version__ = "1.0.0"

ROOT = Path(__file__).parent.parent
"""The project's directory, with `bot.py` and `requirements.txt`."""
