"""Tests of handoffs."""
