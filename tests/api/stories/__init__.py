"""What the people of the firm do in each service, one module a service, so that every operation is used."""
