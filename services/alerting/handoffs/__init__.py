"""Stalled handoffs."""
