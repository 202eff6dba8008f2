"""Accounts and products: what is sold, and to whom."""
