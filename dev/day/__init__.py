"""A simulated working day of a small sales organisation, lived over the HTTP APIs with the clock moved along."""
