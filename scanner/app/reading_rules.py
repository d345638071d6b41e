"""Derives from the settings how the nodes of a scan are read."""

from __future__ import annotations

from scanner.core.scan_request import patch_filters
from scanner.core.settings import Settings
from scanner.scan.job import ReadingRules
from scanner.scan.reconcile import comparable_states


def reading_rules(settings: Settings) -> ReadingRules:
    """Returns how nodes are read under these settings."""
    patches = patch_filters(settings)
    return ReadingRules(
        states=patches.wanted_states,
        comparable=comparable_states(
            patches.wanted_states, other_filters=bool(patches.severities or patches.classifications or patches.kb_ids)
        ),
        max_nodes=settings.limits.max_nodes_per_target,
        max_restarts=settings.limits.max_node_restarts,
        nodes=settings.nodes,
        page_size=settings.patches.page_size,
    )
