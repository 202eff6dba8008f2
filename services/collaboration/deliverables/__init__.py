"""What each kind of handoff must contain, and how long it may stand still."""
