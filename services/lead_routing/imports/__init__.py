"""Importing people and leads of years from another system."""
