"""What will be done: selection, waves, digest, the plan as data, and the reading that it needs."""
