"""Public pools of leads."""
