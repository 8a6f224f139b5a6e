"""The words that everyone shares, as plain data: actions, instances, plans, outcomes, the request, settings, errors, ports, time."""
