"""The outside world: clouds, hosts, clocks, logs. No adapter imports another."""
