"""Webhooks that take notifications."""
