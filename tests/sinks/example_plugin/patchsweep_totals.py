"""`totals:FILE`: how many patches the fleet has in each state, as one JSON object."""

import json
from collections import Counter
from pathlib import Path


class TotalsSink:
    api_version = 1  # the version of the sink interface it is written for
    live = False  # replayed from the store when the scan has ended

    def __init__(self, where, context):
        self._path = Path(where)
        self._totals = Counter()

    async def write(self, batch):
        self._totals.update(batch.patches.column("state").to_pylist())

    async def commit(self, scan):
        unfinished = self._path.with_suffix(".unfinished")
        unfinished.write_text(json.dumps({"scan_id": scan.scan.scan_id, **self._totals}))
        unfinished.replace(self._path)

    async def aclose(self):
        """Nothing was opened."""
