"""What the pools under test run: jobs that behave, and jobs that do not.

A task is the name of a function of this module and its arguments.
"""

import ctypes
import os
import pickle
import resource
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

from worker.pool import messages, worker_main
from worker.pool.channel import wait_ready
from worker.pool.worker_main import JobContext
from worker.processes import process_setup, signals

Task = tuple[Any, ...]

MEBIBYTE = 1024 * 1024

_FIRST_MODULES = frozenset(sys.modules)


def run(context: JobContext, task: Task) -> Any:
    """The handler: the function that the task names."""
    name, *arguments = task
    return globals()[name](context, *arguments)


# ------------------------------------------------------------------------------------- setups


def set_up() -> Callable[[JobContext, Task], Any]:
    return run


def set_up_in_vain() -> NoReturn:
    raise ValueError("the initialiser fails")


def set_up_to_die(exitcode: int) -> NoReturn:
    os._exit(exitcode)


def set_up_unless(path: str) -> Callable[[JobContext, Task], Any]:
    if os.path.exists(path):
        raise ValueError("the file is there")
    return run


def set_up_large(size: int) -> Callable[[JobContext, Task], Any]:
    bytearray(size)
    return run


def set_up_for_ever() -> NoReturn:
    while True:
        signal.pause()


def set_up_beside_the_undying() -> Callable[[JobContext, Task], Any]:
    """What a job leaves behind outlives SIGKILL, and the worker takes a moment to end."""

    def fail() -> NoReturn:
        threading.Thread(target=time.sleep, args=(0.2,)).start()
        raise TimeoutError

    vars(signals)["kill_descendants"] = fail
    return run


def set_up_to_die_when_ready() -> Callable[[JobContext, Task], Any]:
    """It becomes ready, and ends while it waits for its first job."""
    threading.Timer(0.02, os._exit, [7]).start()
    return run


# ------------------------------------------------------------------------------ good behaviour


def echo(_context: JobContext, value: Any = None) -> Any:
    return value


def nothing(*_arguments: object) -> None:
    """For other pools as well."""


def pid(_context: JobContext) -> int:
    return os.getpid()


def title(_context: JobContext) -> str:
    """What `ps aux` shows of this process."""
    return Path("/proc/self/cmdline").read_bytes().rstrip(b"\0").decode()


def imported(_context: JobContext) -> list[str]:
    """What this process has imported since this module, which a fork server imports last."""
    return sorted(set(sys.modules) - _FIRST_MODULES)


def limits(_context: JobContext) -> dict[str, int]:
    names = ("RLIMIT_DATA", "RLIMIT_FSIZE", "RLIMIT_NOFILE", "RLIMIT_CORE")
    return {name: resource.getrlimit(getattr(resource, name))[0] for name in names}


def big(_context: JobContext, size: int) -> bytes:
    return bytes(size)


def length(_context: JobContext, value: bytes) -> int:
    return len(value)


def report_pid_and_wait(context: JobContext) -> NoReturn:
    """Report, then wait for the order to stop."""
    context.report(os.getpid())
    while True:
        wait_ready([context], [], 60)
        context.raise_if_stopped()


def reports(context: JobContext, count: int) -> int:
    for number in range(count):
        context.report(number)
    return count


# ------------------------------------------------------------------------------- bad behaviour


def ignore_everything(context: JobContext) -> NoReturn:
    """Neither SIGTERM nor the order to stop moves it."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    context.report(os.getpid())
    while True:
        signal.pause()


def spin_in_c(context: JobContext) -> None:
    """A C function that never returns and never lets go of the interpreter's lock."""
    context.report(os.getpid())
    strlen = ctypes.PyDLL(None).strlen
    strlen.argtypes = [ctypes.c_char_p]
    text = b"x" * (64 * MEBIBYTE)
    for _ in iter(int, 1):
        strlen(text)


def exit_now(_context: JobContext, exitcode: int) -> None:
    os._exit(exitcode)


def kill_self(_context: JobContext, number: int) -> None:
    os.kill(os.getpid(), number)


def segfault(_context: JobContext) -> None:
    ctypes.string_at(0)


def raise_error(_context: JobContext, error: type[BaseException], *arguments: Any) -> NoReturn:
    raise error(*arguments)


def close_all(_context: JobContext) -> NoReturn:
    """Close the channel and everything else, and live on."""
    os.closerange(0, 1024)
    while True:
        signal.pause()


def write_raw(context: JobContext, data: bytes) -> NoReturn:
    os.write(context.fileno(), data)
    while True:
        signal.pause()


def say_ready_at_the_order(context: JobContext) -> NoReturn:
    """Neither heed the order to stop nor wait for what comes after it."""
    context.report(os.getpid())
    wait_ready([context], [], 60)
    context._connection.send_bytes(messages.encode(messages.MessageKind.READY, 0))
    while True:
        signal.pause()


def die_in_answer(context: JobContext, size: int, sent: int) -> NoReturn:
    """SIGKILL after `sent` bytes of an answer of `size` bytes."""
    message = len(bytes(size)).to_bytes(4) + messages.encode(
        messages.MessageKind.RESULT, context.job_id
    )
    message += bytes(sent - len(message))
    while message:
        message = message[os.write(context.fileno(), message) :]
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def die_after_answer(context: JobContext, value: Any) -> NoReturn:
    """SIGKILL just after the whole answer has been sent."""
    content = messages.encode(messages.MessageKind.RESULT, context.job_id, pickle.dumps(value))
    context._connection.send_bytes(content)
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def flood(context: JobContext) -> NoReturn:
    while True:
        context.report("x" * 1000)


def take_memory(_context: JobContext, size: int) -> int:
    return len(bytearray(size))


def keep_memory(_context: JobContext, size: int) -> None:
    run.__dict__.setdefault("kept", []).append(bytearray(size))


def answer_in_fork(_context: JobContext) -> int:
    """Return from the job twice: in the worker, and in a process that it forked."""
    forked = os.fork()
    if forked == 0:
        return -1
    os.waitpid(forked, 0)
    return forked


class PickledBy:
    """Calls a function of this module when it is pickled, and one when it is unpickled."""

    def __init__(self, on_pickle: str = "", on_unpickle: str = "", *arguments: Any) -> None:
        self._on_pickle = on_pickle
        self._on_unpickle = on_unpickle
        self._arguments = arguments

    def __reduce__(self) -> Any:
        if self._on_pickle:
            globals()[self._on_pickle](*self._arguments)
        if self._on_unpickle:
            return globals()[self._on_unpickle], self._arguments
        return PickledBy, ()


class OddError(Exception):
    """An exception that pickles and does not unpickle: its arguments are not its __init__'s."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


class HeavyError(Exception):
    def __reduce__(self) -> Any:
        os._exit(9)


class Unpicklable(Exception):
    def __reduce__(self) -> Any:
        raise TypeError("cannot be pickled")


class Plain(BaseException):
    """Neither an Exception nor one of Python's own."""


def end_process(*_arguments: Any) -> NoReturn:
    os._exit(9)


def fail(*_arguments: Any) -> NoReturn:
    raise LookupError("a pickle that fails")


def exit_interpreter(*_arguments: Any) -> NoReturn:
    raise SystemExit(9)


def exit_elsewhere(home: int) -> str:
    """Fine where it was made; ends any other interpreter."""
    if os.getpid() != home:
        raise SystemExit(9)
    return "home"


def run_out_of_memory(*_arguments: Any) -> NoReturn:
    raise MemoryError


def pickled_by(_context: JobContext, *arguments: Any) -> PickledBy:
    return PickledBy(*arguments)


def report_pickled_by(context: JobContext, *arguments: Any) -> None:
    context.report(PickledBy(*arguments))


def fine_here_only(_context: JobContext) -> PickledBy:
    return PickledBy("", "exit_elsewhere", os.getpid())


def report_fine_here_only(context: JobContext) -> str:
    context.report(PickledBy("", "exit_elsewhere", os.getpid()))
    return "went on"


# -------------------------------------------------------------------------------- grandchildren


def leave_grandchild_and_die(context: JobContext) -> NoReturn:
    """Fork a process that lingers with every descriptor of the worker, and be killed."""
    read_fd, write_fd = os.pipe()
    forked = os.fork()
    if forked == 0:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.write(write_fd, b"x")
        while True:
            signal.pause()
    os.read(read_fd, 1)
    context.report(forked)
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def leave_grandchildren_everywhere(context: JobContext, heeds_stop: bool) -> NoReturn:
    """Report two pids: one in a session of its own, and one there that has lost its parent.

    None of them is bound to this process.
    """
    read_fd, write_fd = os.pipe()
    if os.fork() == 0:
        os.setsid()
        os.write(write_fd, b"%d\n" % os.getpid())
        while True:
            signal.pause()
    middle = os.fork()
    if middle == 0:
        if os.fork() == 0:
            os.setsid()
            os.write(write_fd, b"%d\n" % os.getpid())
            while True:
                signal.pause()
        os._exit(0)
    os.waitpid(middle, 0)
    pids = b""
    while pids.count(b"\n") < 2:
        pids += os.read(read_fd, 100)
    context.report(tuple(map(int, pids.split())))
    while True:
        select.select([context] if heeds_stop else [], [], [])
        context.raise_if_stopped()


def leave_bound_grandchild(context: JobContext) -> NoReturn:
    """Fork a process in a session of its own, bound to this one; report both pids and stay."""
    parent = os.getpid()
    read_fd, write_fd = os.pipe()
    forked = os.fork()
    if forked == 0:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        process_setup.die_with_parent(parent)
        os.write(write_fd, b"x")
        while True:
            signal.pause()
    os.read(read_fd, 1)
    context.report((parent, forked))
    while True:
        signal.pause()


# ------------------------------------------------------------------- workers without a guard


def worker_without_life_line(*arguments: Any) -> None:
    process_setup.die_with_writer = lambda pipe: None
    worker_main.worker_main(*arguments)


def worker_without_test_unpickling(*arguments: Any) -> None:
    worker_main._pickled = pickle.dumps  # type: ignore[assignment]
    worker_main.worker_main(*arguments)


def worker_that_does_not_know_itself(*arguments: Any) -> None:
    vars(worker_main)["os"] = SimpleNamespace(getpid=lambda: 0)
    worker_main.worker_main(*arguments)


def read_queue(queue: Any, answers: Any) -> None:
    """A worker of a pool with one queue for all."""
    answers.send("reading")
    answers.send(queue.get())


def last() -> NoReturn:
    while True:
        signal.pause()
