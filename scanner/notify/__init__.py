"""Tells others how a scan ended: people by SNS, Slack or a webhook, programs by EventBridge or OpenTelemetry."""
