"""A terminal for programs that draw: a pseudo-terminal, and a reader of what stands on it."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.sandbox.patience import PATIENCE_S

_SEQUENCE = re.compile(rb"\x1b(?:\[([?0-9;]*)([@-~])|[()][A-Z0-9]|([=>78DEHM]))|[\x00-\x1f]")


class Terminal:
    """A program on a terminal of its own, like a VT100 of this size."""

    def __init__(
        self, command: Sequence[str], cwd: Path, env: Mapping[str, str], width: int, height: int
    ) -> None:
        self._fd, theirs = pty.openpty()
        self._size(width, height)
        self.program = subprocess.Popen(
            command, cwd=cwd, env=env, stdin=theirs, stdout=theirs, stderr=theirs,
            start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self._rest = b""

    def _size(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self._cells = [[" "] * width for _ in range(height)]
        self._row = self._column = 0
        self._top, self._bottom = 0, height - 1  # the rows that scroll

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None
    ) -> None:
        if self.program.poll() is None:
            self.program.kill()
        self.program.wait()
        os.close(self._fd)

    def type(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    def resize(self, width: int, height: int) -> None:
        """What a window manager does; what stood there is drawn again by the program."""
        self._size(width, height)
        os.kill(self.program.pid, signal.SIGWINCH)

    def wait_for(self, is_seen: Callable[[str], object]) -> str:
        """The screen once it shows what is waited for."""
        deadline = time.monotonic() + PATIENCE_S
        while not is_seen(self.screen):
            left = deadline - time.monotonic()
            assert left > 0, self.screen
            if not self._read(left) and not is_seen(self.screen):
                raise AssertionError(f"the program has ended: {self.screen}")
        return self.screen

    def end(self) -> int:
        """The exit code of a program that ends by itself."""
        while self._read(PATIENCE_S):
            pass
        return self.program.wait(PATIENCE_S)

    @property
    def lines(self) -> list[str]:
        return ["".join(cells).rstrip() for cells in self._cells]

    @property
    def screen(self) -> str:
        return "\n".join(self.lines)

    def _read(self, seconds: float) -> bool:
        """Take what the program writes. False when it has closed the terminal."""
        if not select.select([self._fd], [], [], seconds)[0]:
            return True
        try:
            data = self._rest + os.read(self._fd, 65536)
        except OSError:
            return False
        # A sequence may come in two parts.
        cut = data.rfind(b"\x1b")
        if cut < 0 or _SEQUENCE.match(data, cut):
            cut = len(data)
        self._rest = data[cut:]
        self._show(data[:cut])
        return True

    def _show(self, data: bytes) -> None:
        at = 0
        for found in _SEQUENCE.finditer(data):
            self._print(data[at : found.start()].decode())
            at = found.end()
            if found[2]:
                self._control(found[2], [int(n) for n in found[1].strip(b"?").split(b";") if n])
            elif found[0] == b"\r":
                self._column = 0
            elif found[0] == b"\n":
                self._down()
            elif found[3] == b"M":
                self._up()
            elif found[0] == b"\b":
                self._column = max(0, self._column - 1)
        self._print(data[at:].decode())

    def _print(self, text: str) -> None:
        for character in text:
            if self._column >= self.width:
                self._down()
                self._column = 0
            self._cells[self._row][self._column] = character
            self._column += 1

    def _down(self) -> None:
        if self._row == self._bottom:
            del self._cells[self._top]
            self._cells.insert(self._bottom, [" "] * self.width)
        else:
            self._row = min(self._row + 1, self.height - 1)

    def _up(self) -> None:
        if self._row == self._top:
            del self._cells[self._bottom]
            self._cells.insert(self._top, [" "] * self.width)
        else:
            self._row = max(0, self._row - 1)

    def _control(self, letter: bytes, numbers: Sequence[int]) -> None:
        first = numbers[0] if numbers else 0
        row = self._cells[self._row]
        match letter:
            case b"H" | b"f":
                self._row = min(max(first, 1), self.height) - 1
                self._column = min(numbers[1] if len(numbers) > 1 else 1, self.width) - 1
            case b"r":
                self._top = max(first, 1) - 1
                self._bottom = (numbers[1] if len(numbers) > 1 else self.height) - 1
                self._row = self._column = 0
            case b"d":
                self._row = min(max(first, 1), self.height) - 1
            case b"G":
                self._column = max(first, 1) - 1
            case b"X":
                row[self._column : self._column + first] = [" "] * len(
                    row[self._column : self._column + first]
                )
            case b"A":
                self._row = max(0, self._row - max(first, 1))
            case b"B":
                self._row = min(self._row + max(first, 1), self.height - 1)
            case b"C":
                self._column = min(self._column + max(first, 1), self.width - 1)
            case b"D":
                self._column = max(0, self._column - max(first, 1))
            case b"K" if first == 0:
                row[self._column :] = [" "] * (self.width - self._column)
            case b"K":
                row[: self._column + 1] = [" "] * (self._column + 1)
            case b"J":
                row[self._column :] = [" "] * (self.width - self._column)
                for below in self._cells[self._row + 1 :]:
                    below[:] = [" "] * self.width
