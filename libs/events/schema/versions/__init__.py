"""One file per change of the log's schema."""
