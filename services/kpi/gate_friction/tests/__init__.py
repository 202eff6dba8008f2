"""Tests of gate friction."""
