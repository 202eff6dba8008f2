"""Public-holiday arrangements as data."""
