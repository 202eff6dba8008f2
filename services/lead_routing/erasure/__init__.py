"""Erasing the people behind a lead."""
