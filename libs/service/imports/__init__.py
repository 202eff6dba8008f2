"""History imports: CSV files and a mapping document become facts on the channel `migration`."""
