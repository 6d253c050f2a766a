"""The errors schedtool raises on purpose: one class per exit code, one sentence per error.

An operation never prints or exits. It raises one of these, and the command line turns it into one line of text or one
JSON object, and into the exit code of its class.
"""

from __future__ import annotations

from typing import ClassVar


class SchedtoolError(Exception):
    """Something a user can act on: what failed, on what, and the way out.

    Attributes:
        message: One line that names the thing.
        hint: What to do about it, or None where the message says it all.
        code: A stable name in snake_case for programs, the same as in the JSON output.
    """

    exit_code: ClassVar[int] = 1
    default_code: ClassVar[str] = "failed"

    def __init__(self, message: str, *, hint: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code or self.default_code


class Failed(SchedtoolError):
    """It was tried and did not work. Exit code 1."""


class UsageError(SchedtoolError):
    """The call, a file of the project or a policy is wrong; nothing was tried. Exit code 2."""

    exit_code = 2
    default_code = "usage"


class Refused(SchedtoolError):
    """It ran, and the answer is no: a failed check, a changed plan, undecided rejects, a guarded drop. Exit code 3."""

    exit_code = 3
    default_code = "refused"


class Busy(SchedtoolError):
    """No connection, or no lock in time; what was named was not changed, and trying again may work. Exit code 4."""

    exit_code = 4
    default_code = "busy"
