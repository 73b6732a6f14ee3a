"""Hearthgrid: smart outlets that become a power system. This package starts, watches and asks; it decides nothing."""

__version__ = '0.1.0'
