"""Notifications: gathered, requested, sent."""
