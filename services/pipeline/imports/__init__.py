"""Importing accounts, products and deals of years from another system."""
