"""`python -m schedtool`, and the console script `schedtool`."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, NoReturn

from schedtool.arguments import hide_from_process_list

if TYPE_CHECKING:
    from types import FrameType


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    # Before anything slow is imported: until then the password stands in the process list.
    hide_from_process_list()
    try:
        from schedtool.cli import cli  # noqa: PLC0415 - see above
        from schedtool.cli.failure import Terminated, report  # noqa: PLC0415
        from schedtool.cli.options import Invocation  # noqa: PLC0415
        from schedtool.cli.streams import prepare  # noqa: PLC0415
        from schedtool.errors import UsageError  # noqa: PLC0415

        def stop(_number: int, _frame: FrameType | None) -> NoReturn:
            raise Terminated

        signal.signal(signal.SIGTERM, stop)
        try:
            prepare()
            code = cli.main(standalone_mode=False)
        except UsageError as error:
            code = report(error, Invocation())
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


if __name__ == "__main__":
    main()
