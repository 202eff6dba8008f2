"""Tests of the whole service, and the people of its tests."""
