"""Leads and their reps: handing over by hand, accepting, declining, the acceptance window."""
