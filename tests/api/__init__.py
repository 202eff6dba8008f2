"""Tests of the five APIs as their documents describe them: every operation, bad input, generated requests."""
