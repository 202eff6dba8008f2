"""Work between departments: handoffs, to-dos, collaboration events."""
