"""Rules as data: calendars with three clocks, typed predicates, rule documents with a life cycle."""
