"""Tests of calendars, clocks and predicates."""
