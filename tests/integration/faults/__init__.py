"""Faults done for real, under load, and a checker that proves the promises from what clients saw and what is stored."""
