"""Tests of process health."""
