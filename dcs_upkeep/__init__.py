"""Maintenance on fleets of Huawei Cloud DCS instances: restart, soft restart, flush, stop, start."""

__version__ = "0.1.0"
