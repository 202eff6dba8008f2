"""Calendars and who goes by which."""
