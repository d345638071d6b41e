"""Where scans are kept: whole segments as they arrive, a manifest when the scan has ended."""
