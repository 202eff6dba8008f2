"""Teams and departments."""
