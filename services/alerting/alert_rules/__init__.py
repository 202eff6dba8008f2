"""Alert rules as data: limits, recipients, escalation."""
