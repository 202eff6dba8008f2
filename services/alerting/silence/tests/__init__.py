"""Tests of silence."""
