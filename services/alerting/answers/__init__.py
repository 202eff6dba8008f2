"""What people answer to alerts: acknowledge, resolve, judge."""
