"""Alerts that nobody took care of go up the reporting line."""
