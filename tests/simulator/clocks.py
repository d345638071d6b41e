"""A clock that moves only when told."""

from __future__ import annotations

import time


class HandClock:
    def __init__(self):
        self.now = time.time()

    def __call__(self):
        return self.now

    def advance(self, seconds):
        self.now += seconds
