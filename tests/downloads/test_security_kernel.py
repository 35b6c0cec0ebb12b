"""What the kernel is asked for: rights by ABI, what a download may read, a closed memory."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from maintenance import check
from maintenance.findings import Level
from tests.hostile.tools import tell, told, without_landlock
from tests.sandbox.site import MediaSite
from tests.support.download_limits import LIMITS
from tests.support.downloads_harness import worker
from worker.downloads.confinement import landlock, readable_paths, seccomp
from worker.protocol import MediaKind

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("abi", "has_filter", "level", "words"),
    [
        (0, True, Level.WARNING, "not offered"),
        (0, False, Level.WARNING, "not offered"),
        (1, False, Level.WARNING, "signals and sockets only in part"),
        (1, True, Level.OK, "ABI 1"),
        (9, True, Level.OK, "ABI 9"),
    ],
)
def test_the_check_says_what_the_kernel_confines(
    abi: int, has_filter: bool, level: Level, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landlock, "abi", lambda: abi)
    monkeypatch.setattr(seccomp, "is_offered", lambda: has_filter)
    (found,) = check.check_landlock()
    assert found.level is level
    assert words in found.text


def test_a_download_goes_on_where_the_kernel_offers_nothing(
    site: MediaSite, tmp_path: Path
) -> None:
    with worker(tmp_path, prepare=without_landlock) as made:
        assert made.run(f"{site.url}/clip.mp4", LIMITS).media.facts.kind is MediaKind.VIDEO


LISTS = ("-v", "error", "-protocol_whitelist", "file")


def _try_each_program(task: Any, rules: Any, report: Any, extractors: Any) -> None:
    commands = {
        "ffmpeg": ["ffmpeg", *LISTS, "-f", "lavfi", "-i", "color=d=0.1", "file:x.mp4"],
        "ffprobe": ["ffprobe", *LISTS, "file:x.mp4"],
        "node": ["node", "-e", "console.log(1)"],
        "deno": ["deno", "eval", "console.log(1)"],
        "bun": ["bun", "-e", "console.log(1)"],
        "qjs": ["qjs", "-e", "print(1)"],
    }
    tell(
        codes={
            name: subprocess.run(command, check=False, capture_output=True).returncode
            for name, command in commands.items()
            if shutil.which(name)
        },
        privileges=Path("/proc/self/status").read_text().count("NoNewPrivs:\t1"),
    )


def test_the_programs_that_yt_dlp_starts_run_confined(tmp_path: Path) -> None:
    with worker(tmp_path, is_cold=True) as made:
        found = told(made, _try_each_program, memory_bytes=2 << 30)
    assert set(found["codes"].values()) <= {0}, found
    assert found["privileges"] == 1


def _border(abi: int, home: Path) -> str:
    """What a process of its own can do at a border of this ABI: the letters of what succeeds."""
    code = f"""
import os, sys
sys.path.insert(0, {os.fspath(ROOT)!r})
from worker.processes import process_setup
from worker.downloads.confinement import landlock
real = landlock.abi()
landlock.abi = lambda: min(real, {abi})
process_setup.renounce_privileges()
landlock.confine(["/usr", sys.prefix, sys.base_prefix], ["/dev/null"], {str(home / "own")!r})
def attempt(letter, act):
    try:
        act()
    except PermissionError:
        return ""
    except OSError as error:
        return str(error)
    return letter
def write(path):
    with open(path, "w") as file:
        file.write("x")
print("can:" + "".join([
    attempt("R", lambda: open({str(home / "secret")!r}).close()),
    attempt("W", lambda: write({str(home / "new")!r})),
    attempt("o", lambda: write({str(home / "own" / "new")!r})),
    attempt("d", lambda: write("/dev/null")),
    attempt("T", lambda: os.truncate({str(home / "secret")!r}, 0)),
    attempt("K", lambda: os.kill(os.getppid(), 0)),
]))
"""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.mark.parametrize(
    ("abi", "can"),
    [(0, "RWodTK"), (1, "odTK"), (2, "odTK"), (3, "odK"), (5, "odK"), (6, "od"), (99, "od")],
)
def test_each_abi_closes_what_it_knows(abi: int, can: str, tmp_path: Path) -> None:
    if min(abi, landlock.SIGNALS_ABI) > landlock.abi():
        pytest.skip(f"this kernel's Landlock has ABI {landlock.abi()}, not {abi}")
    (tmp_path / "own").mkdir()
    (tmp_path / "secret").write_text("secret")
    assert _border(abi, tmp_path) == f"can:{can}"


HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}


@pytest.mark.parametrize("machine", HEADERS)
def test_the_numbers_of_calls_are_the_kernels(machine: str) -> None:
    if not HEADERS[machine].exists():
        pytest.skip(f"{HEADERS[machine]} is not here (linux-libc-dev)")
    # Some are called after the width of their arguments.
    names = HEADERS[machine].read_text().replace("__NR3264_", "__NR_")
    theirs = dict(re.findall(r"#define __NR_(\w+)\s+(\d+)\n", names))
    column = list(HEADERS).index(machine)
    newest = max(map(int, theirs.values()))  # that these headers know
    ours = {
        name: None if numbers[column] is None else str(numbers[column])
        for name, numbers in seccomp.CALLS.items()
        if (numbers[column] or 0) <= newest
    }
    assert {name: theirs.get(name) for name in ours} == ours


def test_a_filter_leaves_a_process_to_itself() -> None:
    code = f"""
import os, resource, signal, socket, sys, threading
sys.path.insert(0, {os.fspath(ROOT)!r})
from worker.processes import process_setup
from worker.downloads.confinement import seccomp
process_setup.renounce_privileges()
assert seccomp.confine()
os.kill(os.getpid(), 0)
os.nice(1)
os.sched_setaffinity(0, os.sched_getaffinity(0))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
signal.pthread_kill(threading.get_ident(), 0)
socket.socketpair()
socket.socket(socket.AF_INET6, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
socket.getaddrinfo("127.0.0.1", 80)
for attempt in (
    lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
    lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
    lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
    lambda: socket.socket().listen(),
    lambda: os.setpriority(os.PRIO_USER, 0, 19),
    lambda: os.killpg(0, 0),
):
    try:
        attempt()
    except PermissionError:
        continue
    sys.exit("nobody refused")
"""
    if not seccomp.is_offered():
        pytest.skip("this kernel offers no seccomp, or its numbers are not known")
    done = subprocess.run([sys.executable, "-c", code], check=False, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr.decode()


def test_what_is_hidden_is_gone_around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "opt"
    for name in ("lib/module.py", "bot/.env", "bot/code.py", "bot/data/ledger"):
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (home / "link").symlink_to(home / "bot")
    monkeypatch.setattr(readable_paths, "_SYSTEM", (os.fspath(home),))
    granted = set(readable_paths.readable([home / "bot" / ".env", home / "bot" / "data"]))
    below = {str(Path(path).relative_to(home)) for path in granted if path.startswith(str(home))}
    assert below == {"lib", "bot/code.py"}


@pytest.mark.parametrize(
    "path",
    [ROOT, ROOT / ".env", ROOT / "data", Path.home(), Path("/tmp"), Path("/etc"), Path("/proc")],
)
def test_what_is_peoples_own_is_not_granted(path: Path) -> None:
    granted = {Path(os.path.realpath(each)) for each in readable_paths.readable([])}
    assert not {path, *path.parents} & granted


_SHOW_ENVIRONMENT = """
import os, sys, pathlib
sys.path.insert(0, sys.argv[1])
from worker.processes import process_setup
{step}
print(pathlib.Path("/proc/self/environ").read_bytes().count(b"secret-word"), flush=True)
print(sorted(set(os.environ) & {"BOT_TOKEN", "PATH"}), flush=True)
"""


def _environment_shows(step: str) -> list[str]:
    return subprocess.run(
        [sys.executable, "-c", _SHOW_ENVIRONMENT.replace("{step}", step), os.fspath(ROOT)],
        env={"PATH": os.environ["PATH"], "BOT_TOKEN": "secret-word"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()


def test_the_first_environment_is_overwritten() -> None:
    assert _environment_shows("process_setup.clean_environment(['PATH', 'NOT_SET'])") == [
        "0",
        "['PATH']",
    ]


@pytest.mark.negative
def test_taking_a_variable_out_of_the_environment_is_not_enough() -> None:
    assert _environment_shows("del os.environ['BOT_TOKEN']") == ["1", "['PATH']"]


# An ordinary user's process, also where the tests are root's; one that changes its user is closed
# until it says otherwise (prctl(2), PR_SET_DUMPABLE).
_ORDINARY = """
import ctypes, os, sys
sys.path.insert(0, sys.argv[1])
import worker.telegram.job
from worker.dispatch import worker_setups
from worker.processes import process_setup
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
"""


def _start_ordinary(code: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _ORDINARY + code, os.fspath(ROOT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _memory_is_open(step: str) -> bool:
    """Whether another process of the same ordinary user may look into one that took this step."""
    with _start_ordinary(f"{step}\nprint('ready', flush=True)\nsys.stdin.read()") as watched:
        assert watched.stdout
        assert watched.stdout.readline() == "ready\n"
        with _start_ordinary(f"open('/proc/{watched.pid}/mem', 'rb')") as looking:
            _, errors = looking.communicate()
        watched.communicate()
    assert looking.returncode == 0 or "PermissionError" in errors
    return looking.returncode == 0


def test_the_bots_memory_is_closed_to_its_own_user() -> None:
    assert not _memory_is_open("process_setup.refuse_inspection()")


_TELEGRAM_WORKER = """
worker_setups.landlock.abi = lambda: {abi}
worker_setups.set_up_telegram(
    (), worker_setups.ApiAccess("1:a"), frozenset(), frozenset(), worker_setups.Path(),
    worker_setups.LogFormat.TEXT,
)
"""


def test_what_knows_the_token_is_closed_where_no_landlock_keeps_downloads_out() -> None:
    assert not _memory_is_open(_TELEGRAM_WORKER.format(abi=0))


@pytest.mark.negative
def test_what_knows_the_token_is_open_otherwise() -> None:
    if not _memory_is_open(_TELEGRAM_WORKER.format(abi=1)):
        pytest.skip("this machine closes it anyway (kernel.yama.ptrace_scope)")


@pytest.mark.negative
def test_memory_is_open_to_the_same_user_otherwise() -> None:
    if not _memory_is_open("pass"):
        pytest.skip("this machine closes it anyway (kernel.yama.ptrace_scope)")
