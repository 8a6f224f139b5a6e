"""`doctor`: what would go wrong in a run, looked for before it runs."""
