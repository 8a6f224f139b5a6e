"""Deterministic simulation: one seed makes a fleet, events, settings and faults; the real code runs; the truth judges it."""
