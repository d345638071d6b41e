"""`python -m scanner` is the command `patchsweep`."""

from scanner.cli import main

raise SystemExit(main())
