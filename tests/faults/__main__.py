"""`python -m tests.faults`, with `--seeds N` or `--kills N`: the long runs.

Imports nothing here: forked runs import this module too.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    if any(argument.split("=")[0] == "--kills" for argument in sys.argv):
        from tests.faults.kills.campaign import main
    else:
        from tests.faults.chaos.long_run import main

    raise SystemExit(main())
