"""Tests of the contracts and of the documents made from them."""
