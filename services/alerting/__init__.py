"""What went silent or stalled: alerts, escalations, notifications, boards."""
