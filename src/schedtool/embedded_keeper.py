"""The process that keeps a throw-away server: makes it, and removes every trace of it once its parent lets go.

A program of its own (`python -I -S embedded_keeper.py REQUEST`), in a session of its own, with the standard library
only. Its stdin is a pipe whose other end only the parent holds. However the parent ends, the pipe ends with it, so
leaving the context manager, an exception, Ctrl-C, SIGTERM and SIGKILL all take the same way: stop the server, remove
the folder.

Nothing here holds the parent's terminal or files open, and Ctrl-C in the terminal does not reach it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import locale
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

# Short, whatever TMPDIR says: a socket's whole path has at most 107 characters (103 on macOS).
_PLACE = Path("/tmp")  # noqa: S108 mkdtemp makes a folder of its own in it
_PREFIX = "schedtool-pg-"
_MARK = "made-by-schedtool"
_START_LIMIT_S = 60
_STOP_LIMIT_S = 10


class Request(NamedTuple):
    """What to start.

    Attributes:
        bin_dir: The folder with `initdb` and `postgres`.
        trees: The folders to copy where `account` cannot reach them.
        root: What the copies keep their place relative to.
        major: The server's major version.
        account: User and group to run as, or None for the own one.
        settings: Lines for postgresql.conf.
    """

    bin_dir: str
    trees: list[str]
    root: str
    major: int
    account: tuple[int, int] | None
    settings: Mapping[str, str]


def main(request: Request) -> None:
    """Keep a server until stdin ends; answer on stdout with one line of JSON, `data_dir` or `error` and `log`."""
    # Handlers and not SIG_IGN, which the server would inherit.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    _sweep()
    folder = Path(tempfile.mkdtemp(dir=_PLACE, prefix=_PREFIX))
    # The server inherits this lock. Whoever gets it knows that neither the server nor its keeper is alive.
    lock = os.open(folder, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    (folder / _MARK).touch()
    server: subprocess.Popen[bytes] | None = None
    try:
        try:
            server = _start(request, folder, lock)
            _wait_until_ready(server, folder / "data")
            answer: dict[str, Any] = {"data_dir": str(folder / "data")}
        except (OSError, subprocess.SubprocessError, RuntimeError) as error:
            answer = {"error": str(error), "log": _end_of_log(folder)}
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps(answer), flush=True)  # noqa: T201 the parent reads it
        sys.stdin.buffer.read()
    finally:
        if server is not None:
            _stop(server)
        _remove(folder)


def _start(request: Request, folder: Path, lock: int) -> subprocess.Popen[bytes]:
    data = folder / "data"
    data.mkdir(mode=0o700)
    account: dict[str, Any] = {}
    bin_dir = Path(request.bin_dir)
    if request.account is not None:
        uid, gid = request.account
        account = {"user": uid, "group": gid, "extra_groups": []}
        folder.chmod(0o711)
        os.chown(data, uid, gid)
        if not _can_run(bin_dir, account):
            bin_dir = _copy(request, folder / "programs")
    with (folder / "log").open("ab") as log:
        surroundings: dict[str, Any] = {
            "stdin": subprocess.DEVNULL,
            "stdout": log,
            "stderr": log,
            "cwd": data,
            "env": {"LC_ALL": "C", "PATH": os.defpath},
            "pass_fds": (lock,),
            **account,
        }
        flags = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync", *_locale_flags(request.major)]
        done = subprocess.run(  # noqa: S603 a program the user installed
            [bin_dir / "initdb", "-D", data, *flags], **surroundings, check=False, timeout=_START_LIMIT_S
        )
        if done.returncode != 0:
            raise RuntimeError(f"initdb ended with {done.returncode}")
        settings = {"listen_addresses": "", "unix_socket_directories": str(data), "timezone": "UTC"}
        with (data / "postgresql.conf").open("a", encoding="utf-8") as conf:
            for name, value in {**settings, "log_timezone": "UTC", **request.settings}.items():
                quoted = value.replace("\\", "\\\\").replace("'", "''")
                conf.write(f"{name} = '{quoted}'\n")
        return subprocess.Popen([bin_dir / "postgres", "-D", data], **surroundings)  # noqa: S603 the same


_COPY_LIMIT = 1 << 30
"""Bytes of programs copied at most; an installation has some 50 MB."""


def _can_run(bin_dir: Path, account: dict[str, Any]) -> bool:
    """Whether the account reaches the programs: a virtual environment below a 0700 folder such as /root is closed."""
    try:
        subprocess.run([bin_dir / "initdb", "--version"], capture_output=True, check=True, cwd="/", **account)  # noqa: S603
    except (PermissionError, subprocess.CalledProcessError):
        return False
    return True


def _copy(request: Request, target: Path) -> Path:
    """Copy the programs to where every account reaches them; nothing of the user's is opened to others."""
    root = Path(request.root)
    trees = [Path(tree) for tree in request.trees]
    size = 0
    for path in (path for tree in trees for path in tree.rglob("*") if path.is_file() and not path.is_symlink()):
        size += path.stat().st_size
        if size > _COPY_LIMIT:
            raise RuntimeError(
                f"the server's account cannot reach {request.bin_dir}, and what is beside it is too much to copy"
            )
    for tree in trees:
        shutil.copytree(tree, target / tree.relative_to(root), ignore=shutil.ignore_patterns("include", "*.a", "doc"))
    for path in (target, *target.rglob("*")):
        path.chmod(0o755)
    return target / Path(request.bin_dir).relative_to(root)


def _locale_flags(major: int) -> list[str]:
    """Flags for sorting by bytes and for Unicode letters, without a locale that may not be installed."""
    if major >= 17:  # noqa: PLR2004 the first version that brings its own
        return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    try:
        locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    except locale.Error:
        return ["--locale=C"]
    return ["--locale=C", "--lc-ctype=C.UTF-8"]


def _wait_until_ready(server: subprocess.Popen[bytes], data: Path) -> None:
    """Wait for the server's own word in its pid file, line 8, as pg_ctl does: it takes no connection to ask."""
    deadline = time.monotonic() + _START_LIMIT_S
    while time.monotonic() < deadline:
        if (code := server.poll()) is not None:
            raise RuntimeError(f"the server ended with {code} while starting")
        with contextlib.suppress(OSError):
            if (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[7:8] == ["ready   "]:
                return
        time.sleep(0.01)
    raise RuntimeError(f"the server was not ready after {_START_LIMIT_S} s")


def _end_of_log(folder: Path) -> list[str]:
    try:
        return (folder / "log").read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
    except OSError:
        return []


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.send_signal(signal.SIGQUIT)  # immediate: nothing is worth a checkpoint
    try:
        server.wait(_STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _remove(folder: Path) -> None:
    # Again, where a process of a killed server still writes.
    deadline = time.monotonic() + _STOP_LIMIT_S
    while folder.exists() and time.monotonic() < deadline:
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.05 if folder.exists() else 0)


def _sweep() -> None:
    """Remove what a keeper left that was killed itself, and only where its lock proves that all of it is dead."""
    for folder in _PLACE.glob(f"{_PREFIX}*"):
        try:
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            if os.fstat(lock).st_uid == os.geteuid() and (folder / _MARK).exists():
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(folder)
        except OSError:
            continue
        finally:
            os.close(lock)


if __name__ == "__main__":
    main(Request(**json.loads(sys.argv[1])))
