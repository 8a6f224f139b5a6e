"""What is done: one run, its waves, sending, watching, ending, resuming; operators' commands."""
