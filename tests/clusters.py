"""Servers of a test's own, for what must not be done to the one that all share: crashes, standbys, durable writes.

The first start is schedtool's own throw-away server. Behind a crash the same data is started again from here.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from schedtool import embedded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LIMIT_S = 60.0


@dataclass
class Cluster:
    """A running server whose postmaster may be killed; `conninfo` reaches its maintenance database."""

    conninfo: str
    data: Path
    programs: Path
    restarted: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def program(self, name: str) -> Path:
        return self.programs / name

    def account(self) -> dict[str, Any]:
        """How a program is run as the owner of the data; root may not run a server."""
        owner = self.data.stat()
        return {} if os.geteuid() else {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}

    def crash(self) -> None:
        """End the server as a power cut does, but for the disk: no checkpoint, no farewell."""
        pid = int((self.data / "postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, signal.SIGQUIT)
        wait_for(lambda: not (self.data / "postmaster.pid").exists(), "the server to be gone")
        for process in self.restarted:
            process.wait(timeout=LIMIT_S)

    def start(self) -> None:
        """Start it again on what the crash left."""
        with (self.data.parent / "log").open("ab") as log:
            process = subprocess.Popen(
                [self.program("postgres"), "-D", self.data],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.data,
                env={"LC_ALL": "C", "PATH": os.defpath},
                **self.account(),
            )
        self.restarted.append(process)
        wait_for(lambda: answers(self.conninfo), "the server to come up")


@contextmanager
def cluster(settings: Mapping[str, str]) -> Iterator[Cluster]:
    """Start a server with these settings; the defaults are PostgreSQL's own, fsync among them."""
    with embedded.throwaway(settings=settings) as server:
        copied = next(server.data_dir.parent.glob("programs/**/bin/postgres"), None)
        started = Cluster(server.conninfo, server.data_dir, copied.parent if copied else server.bin_dir)
        try:
            yield started
        finally:
            for process in started.restarted:
                if process.poll() is None:
                    process.send_signal(signal.SIGINT)
                process.wait(timeout=LIMIT_S)


@contextmanager
def standby(primary: Cluster) -> Iterator[str]:
    """Make a hot standby by pg_basebackup, yield how to connect to it, and remove it."""
    folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="schedtool-standby-"))
    data = folder / "data"
    account = primary.account()
    if account:
        os.chown(folder, account["user"], account["group"])
    server = None
    try:
        source = primary.conninfo.replace("dbname=postgres", "")
        flags = ("--write-recovery-conf", "--checkpoint=fast", "--no-sync")
        subprocess.run(
            [primary.program("pg_basebackup"), "-d", source, "-D", data, *flags],
            check=True,
            capture_output=True,
            cwd=folder,
            timeout=LIMIT_S,
            **account,
        )
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [primary.program("postgres"), "-D", data, "-c", f"unix_socket_directories={folder}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=data,
                env={"LC_ALL": "C", "PATH": os.defpath},
                **account,
            )
        conninfo = f"host={folder} port=5432 user=postgres dbname=postgres"
        wait_for(lambda: answers(conninfo), "the standby to come up")
        yield conninfo
    finally:
        if server is not None:
            server.send_signal(signal.SIGINT)
            server.wait(timeout=LIMIT_S)
        shutil.rmtree(folder)


def answers(conninfo: str) -> bool:
    try:
        psycopg.connect(conninfo, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def wait_for(condition: Any, what: str, *, limit: float = LIMIT_S) -> None:  # noqa: ANN401 - anything that can be called
    """Look at a condition until it holds; fail when it takes too long."""
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() >= deadline:
            raise AssertionError(f"waited {limit:.0f} s in vain for {what}")
        time.sleep(0.02)
