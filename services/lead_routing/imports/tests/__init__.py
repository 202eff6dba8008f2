"""Tests of lead-routing's imports."""
