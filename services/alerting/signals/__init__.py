"""Signals of partners: logistics, production, surveys."""
