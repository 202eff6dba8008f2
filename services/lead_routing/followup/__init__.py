"""Work on a lead: from accepting it to its end."""
