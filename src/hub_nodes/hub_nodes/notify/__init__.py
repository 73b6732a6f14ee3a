"""Telling people: anomalies, outages, limits and finished jobs to the channels they chose."""
from hub_nodes.notify.node import NotifyNode, main

__all__ = ['NotifyNode', 'main']
