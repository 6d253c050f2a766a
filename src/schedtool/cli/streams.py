"""stdout carries the answer and must take it; stderr carries advice, and no advice is worth failing for."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schedtool.errors import UsageError

if TYPE_CHECKING:
    from typing import TextIO

_STDOUT, _STDERR = 1, 2


class _Answer(io.FileIO):
    """A descriptor that remembers that it could not be written to: what waits in front of it may be gone by then."""

    failed: OSError | None = None

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data) or 0
        except OSError as error:
            self.failed = error
            raise


class _Advice(io.FileIO):
    """A descriptor that takes everything, even where nothing is written: the disk of a log file may be full."""

    def write(self, data: Any, /) -> int:
        with suppress(OSError):
            return super().write(data) or 0
        return memoryview(data).nbytes


def prepare() -> None:
    """Make both streams fit to be written to; a closed stderr becomes a silent one.

    Raises:
        UsageError: stdout is closed.
    """
    if sys.stderr is None:
        # Or the next file or socket that is opened would get its number, and with it what other code writes there.
        _send_nowhere(_STDERR)
    sys.stderr = _text(_Advice(_STDERR, "w", closefd=False), sys.stderr)
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for as long as the process lives
        raise UsageError("stdout is closed, and the answer goes there", hint=">/dev/null throws it away", code="output")
    sys.stdout = _text(_Answer(_STDOUT, "w", closefd=False), sys.stdout)


def fault(stream: TextIO) -> OSError | None:
    """Write what waits in the stream; return why that, or an earlier try, could not be done, and silence it then."""
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    try:
        stream.flush()
        found = raw.failed if isinstance(raw, _Answer) else None
    except OSError as error:
        found = error
    if found is not None:
        # Python would try once more when it ends, and complain.
        _send_nowhere(stream.fileno())
    return found


def _text(raw: io.FileIO, like: TextIO | None) -> io.TextIOWrapper:
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=like.encoding if like is not None else "utf-8",
        # A character that the terminal cannot show is no reason to fail.
        errors="backslashreplace",
        line_buffering=raw.isatty() or isinstance(raw, _Advice),
    )


def _send_nowhere(descriptor: int) -> None:
    silent = os.open(os.devnull, os.O_WRONLY)
    if silent != descriptor:
        os.dup2(silent, descriptor)
        os.close(silent)
