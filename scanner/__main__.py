"""The command `patchsweep`, also as `python -m scanner`."""

import os
from typing import NoReturn


def run() -> NoReturn:
    """Runs the command and ends the process.

    The command is imported here, so that Ctrl-C in the tenth of a second that this takes (seconds on a busy machine)
    ends the process without a word, as nothing has begun, and not in a traceback through the imports.
    """
    try:
        from scanner.cli.process import run as run_process  # noqa: PLC0415 - see above
    except KeyboardInterrupt:
        os._exit(130)  # 128 + SIGINT, as `scanner.cli.exit_codes` has it, which may not be imported yet
    run_process()


if __name__ == "__main__":
    run()
