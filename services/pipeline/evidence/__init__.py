"""Evidence: uploaded files that prove what was done, checked for content."""
