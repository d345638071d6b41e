"""`python -m tests.faults --seeds N`: the long run. Imports nothing here: forked runs import this module too."""

from __future__ import annotations

if __name__ == "__main__":
    from tests.faults.chaos.long_run import main

    raise SystemExit(main())
