"""Leads: what came in, its tags and tier."""
