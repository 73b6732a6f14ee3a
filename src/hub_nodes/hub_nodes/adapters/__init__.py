"""Prices and weather from public services: a pure parser a format, and the node `market` that fetches them."""
