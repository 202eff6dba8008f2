"""Silent leads."""
