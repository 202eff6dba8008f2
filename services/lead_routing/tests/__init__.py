"""What the tests of the capabilities share."""
