"""What the tests of alerting share."""
