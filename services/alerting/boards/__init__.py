"""The weekly board."""
