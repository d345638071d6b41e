"""Holds a scan against a policy: what is overdue, what nothing is known of, and what is waived."""
