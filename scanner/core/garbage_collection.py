"""How often Python's garbage collector looks at the objects of a process that reads nodes."""

from __future__ import annotations

import gc

#: Objects that are made, less those freed, before the collector looks at the young ones. With Python's 700 it looked
#: after every tenth page at nodes that were still being read, which took 2 % of the CPU of a scan.
YOUNG_OBJECTS = 50_000


def collect_rarely() -> None:
    """Lets the collector look at young objects rarely from now on; it may be called again."""
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])


def keep_what_is_loaded() -> None:
    """Keeps the collector from looking at the objects that there are now, such as modules, which live to the end."""
    gc.freeze()
