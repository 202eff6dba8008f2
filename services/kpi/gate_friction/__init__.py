"""Gates that say no to many reps on one day."""
