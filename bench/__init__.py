"""Benchmarks: programs that print ratios against something named, measured in one run."""
