"""Handoffs between departments: what is handed over, who waits for whom, and when it stalls."""
