"""Makes every library log at its most verbose level, in every process."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from worker import logs
from worker.telegram import client, transport
from worker.telegram.api_access import ApiAccess

_configure, _install = logs.configure, client._install


def configure(secrets: Sequence[str] = (), level: int = logging.DEBUG, **how: Any) -> None:
    _configure(secrets, min(level, logging.DEBUG), **how)


def install(connection: ApiAccess) -> None:
    _install(connection)
    logging.getLogger("TeleBot").setLevel(logging.NOTSET)


logs.configure = configure
client._install = install
transport.keep_quiet = lambda: logging.getLogger("urllib3").setLevel(logging.NOTSET)
