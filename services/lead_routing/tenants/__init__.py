"""Organisations that use the product."""
