"""A project that whoever runs it may not read: the thing is named, nothing is taken for missing or empty."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from schedtool.project import shipped
from tests.test_refusals import check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import RunCli

NOBODY = 65534
CASES = {
    # Click looks at the folder that is named with the rights that the process began with.
    ".": "migrations cannot be read: Permission denied" if os.geteuid() == 0 else "is not readable",
    "migrations": "migrations cannot be read: Permission denied",
    "migrations/contract": "contract cannot be read: Permission denied",
    "migrations/0002.sync-availability.sql": "0002.sync-availability.sql: it cannot be read: Permission denied",
    "sql": "sql/batches cannot be read: Permission denied",
    "sql/verify": "sql/verify cannot be read: Permission denied",
    "sql/batches/0003.backfill-provider-availability.sql": "availability.sql: it cannot be read: Permission denied",
}


@pytest.fixture
def root() -> Iterator[Path]:
    """A copy of the project, in a folder that everybody may enter."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        for part in ("migrations", "sql"):
            shutil.copytree(shipped() / part, Path(folder) / "project" / part)
        yield Path(folder) / "project"


@contextmanager
def as_somebody_else() -> Iterator[None]:
    """Root reads everything."""
    if os.geteuid():
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("path", CASES)
def test_what_cannot_be_read_is_named(root: Path, run_cli: RunCli, path: str) -> None:
    # Whatever is imported on the way is imported before: the Python itself may be one that only root reads.
    assert run_cli("--database", "host=/nowhere", "--project", root, "plan").exit_code == 4
    mode = (root / path).stat().st_mode
    (root / path).chmod(0)
    try:
        with as_somebody_else():
            outcome = run_cli("--database", "host=/nowhere", "--project", root, "plan")
    finally:
        (root / path).chmod(mode)

    check(outcome, 2, CASES[path])
