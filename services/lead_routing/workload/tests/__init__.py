"""Tests of the capability."""
