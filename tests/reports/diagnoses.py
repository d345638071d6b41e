"""Diagnoses made of what was tried."""

from __future__ import annotations

from scanner.core.model import Scope, Target
from scanner.reports.diagnosis import Diagnosis, PlaceCheck, TargetCheck

GOOD, BAD, WRONG = PlaceCheck("place"), PlaceCheck("place", "no room"), PlaceCheck("place", "no type", stops_scan=True)


def diagnosis(*statuses, store=GOOD, sinks=(GOOD,), regions="enabled"):
    targets = tuple(TargetCheck(Target(f"{n:012}", "eu-west-1"), status) for n, status in enumerate(statuses))
    return Diagnosis("arn", "eu-west-1", Scope("organization", regions), store, sinks, targets, takes_large_pages=None)
