"""Tests of the pipeline's imports."""
