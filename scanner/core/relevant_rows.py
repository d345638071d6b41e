"""Says which rows of patches reports are made of, and how a scan keeps these in files of their own.

Of 25 million rows of 100,000 nodes they are 4 million, of 8,000 different patches. They lie in three tables: the rows,
each with the number of its node and of its patch, and what these numbers stand for. A number is the place of a row in
its table, from 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from scanner.core.coded_rows import NODE, PATCH
from scanner.core.repeated import are_among
from scanner.core.state_names import REFRESHED_STATES
from scanner.core.tables import PATCHES

#: The states of such rows: the patch is lacking, or violates a baseline. Rows that name CVEs are such in any state.
STATES = REFRESHED_STATES
#: What is kept of a row besides its node and its patch.
TIMES = ("installed_time", "missing_since")

#: The names of the tables.
PATCHES_TABLE, NODES_TABLE, ROWS_TABLE = "relevant_patches", "relevant_nodes", "relevant_rows"
TABLES = (PATCHES_TABLE, NODES_TABLE, ROWS_TABLE)
ROWS = pa.schema(
    [
        pa.field("node", pa.int32(), nullable=False),
        pa.field("patch", pa.int32(), nullable=False),
        *(PATCHES.field(name) for name in TIMES),
    ]
)
NODES = pa.schema([PATCHES.field(name) for name in NODE])
DISTINCT_PATCHES = pa.schema([PATCHES.field(name) for name in PATCH])


def is_relevant(state: pa.Array, cve_ids: pa.Array, states: Sequence[str] = STATES) -> pa.Array:
    """Returns of each row whether it is in one of these states, which may be a dictionary, or names CVEs."""
    names_cves = pc.greater(pc.list_value_length(cve_ids), 0)
    return pc.or_(names_cves, are_among(state, states)) if states else names_cves
