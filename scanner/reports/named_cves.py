"""Says in SQL which CVEs a patch fixes as far as AWS tells, and whether a patch may hold a security fix at all."""

from __future__ import annotations

#: The CVEs by KB id and title. AWS names none for patches that wait for a reboot or for their approval: they take those
#: that AWS names for the same patch on another node.
NAMED_CVES = """
  named AS MATERIALIZED (
    SELECT kb_id, title, flatten(list(DISTINCT cve_ids)) AS named_cves FROM patches
    WHERE len(cve_ids) > 0 AND title IS NOT NULL GROUP BY kb_id, title
  ),
"""

#: The CVEs of a row of `patches` that is joined with `named`.
AWS_CVES = "if(len(cve_ids) > 0, cve_ids, coalesce(named_cves, []))"

#: Whether a row may hold a security fix; `$without_security_fixes` are the classifications that hold none.
MAY_BE_SECURITY = "NOT list_contains($without_security_fixes, coalesce(lower(classification), ''))"
