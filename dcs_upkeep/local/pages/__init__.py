"""A run or a plan as one page for a browser: what happened, what was lost, what to do."""
