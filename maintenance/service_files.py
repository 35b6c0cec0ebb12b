"""Files that let systemd or supervisor run the bot where it is installed. Pure."""

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from maintenance.exit_codes import EXIT_CONFIG, EXIT_OK

START_TIMEOUT_S = 120
"""How long a start may take: migrate the ledger, and end what is left of the last run."""

STOP_RESERVE_S = 15
"""How much longer than `SHUTDOWN_GRACE` a stop may take."""

WATCHDOG_S = 180
"""After this silence of the main thread systemd restarts the bot, which finds others in 60 s."""


@dataclass(frozen=True)
class Installation:
    """Where a bot is installed, and as whom it runs. All paths are absolute.

    `directory` has the bot's files and `.env`; `written` is what it writes besides `data_dir`.
    """

    directory: Path
    python: Path
    user: str
    data_dir: Path
    shutdown_grace_s: float
    written: tuple[Path, ...] = ()

    @property
    def stop_timeout_s(self) -> int:
        """How long a supervisor has to wait before it kills the bot."""
        return round(self.shutdown_grace_s) + STOP_RESERVE_S


_SYSTEMD = """\
# Copy this into /etc/systemd/system/{name}.service, then:
#   systemctl daemon-reload && systemctl enable --now {name}

[Unit]
Description={name}: a Telegram bot that turns links into media
Wants=network-online.target
After=network-online.target
# A disk that is mounted late: without DATA_DIR the bot would begin with an empty one, or end.
RequiresMountsFor={data_dir}
# The bot itself waits longer and longer before it ends to be restarted.
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
User={user}
UMask=0077
WorkingDirectory={directory}
ExecStart={python} bot.py

# {ok}: somebody has stopped it. {config}: a setting or the token is wrong, which a restart does
# not mend.
Restart=on-failure
RestartPreventExitStatus={config}
RestartSec=1
TimeoutStartSec={start_timeout_s}
WatchdogSec={watchdog_s}

# TERM goes to the main process only, which lets running jobs finish; then all get KILL.
KillMode=mixed
TimeoutStopSec={stop_timeout_s}
# By default one process that the kernel ends for lack of memory would stop the whole bot.
OOMPolicy=continue

# The bot confines its downloads itself, which needs user and network namespaces, Landlock and
# /proc as it is (no ProtectProc, ProcSubset). It runs ffmpeg and JavaScript: no
# MemoryDenyWriteExecute. No SystemCallFilter: downloads have a narrower one of their own.
NoNewPrivileges=yes
CapabilityBoundingSet=
RestrictNamespaces=user net
# AF_NETLINK is how the C library learns which addresses this machine has.
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
PrivateTmp=yes
PrivateDevices=yes
ProtectSystem=strict
ProtectHome=read-only
ProtectClock=yes
ProtectHostname=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ReadWritePaths={written}

[Install]
WantedBy=multi-user.target
"""


def systemd(installation: Installation, name: str) -> str:
    """A unit for systemd from version 243 on. Raises ValueError for a path that it cannot hold."""
    return _SYSTEMD.format(
        name=name,
        ok=EXIT_OK,
        config=EXIT_CONFIG,
        user=installation.user,
        directory=_for_systemd(installation.directory),
        python=_quoted(installation.python),
        data_dir=_quoted(installation.data_dir),
        start_timeout_s=START_TIMEOUT_S,
        watchdog_s=WATCHDOG_S,
        stop_timeout_s=installation.stop_timeout_s,
        written=" ".join(_quoted(path) for path in (installation.data_dir, *installation.written)),
    )


def _for_systemd(path: Path) -> str:
    if re.search(r"[\x00-\x1f\x7f\\\"']", str(path)):
        raise ValueError(f"{str(path)!r} cannot stand in a unit of systemd")
    return str(path).replace("%", "%%")


def _quoted(path: Path) -> str:
    text = _for_systemd(path)
    return f'"{text}"' if " " in text else text


def supervisor(installation: Installation, name: str, shipped: Iterable[str]) -> str:
    """supervisor.conf, whose lines are `shipped`, for this installation.

    Raises ValueError for a path that it cannot hold.
    """
    for path in (installation.directory, installation.python):
        if re.search(r"[\x00-\x1f\x7f;]", str(path)):
            raise ValueError(f"{str(path)!r} cannot stand in a file of supervisor")
    # What supervisor replaces in values is written twice to be left alone.
    directory, python = (
        str(path).replace("%", "%%") for path in (installation.directory, installation.python)
    )
    changes = {
        "[program:fetchbot]": f"[program:{name}]",
        "[eventlistener:fetchbot-listener]": f"[eventlistener:{name}-listener]",
        "directory=/opt/fetchbot": f"directory={directory}",
        "command=/opt/fetchbot/.venv/bin/python": f"command={shlex.quote(python)}",
        "-m maintenance listen": f"-m maintenance listen --program {name}",
        "/var/log/supervisor/fetchbot": f"/var/log/supervisor/{name}",
        "user=fetchbot": f"user={installation.user}",
        "stopwaitsecs=45": f"stopwaitsecs={installation.stop_timeout_s}",
    }
    settings = list(shipped)
    # Its first lines say where to copy it to, and what has to be there.
    while settings and settings[0].strip():
        del settings[0]
    text = f"; Copy this into /etc/supervisor/conf.d/{name}.conf, then: supervisorctl update\n"
    text += "".join(settings)
    for found, wanted in changes.items():
        text = text.replace(found, wanted)
    return text
