"""Opportunities: deals from their opening to their end, moved only through gates."""
