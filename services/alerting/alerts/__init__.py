"""Alerts: raised, acknowledged, resolved, judged."""
