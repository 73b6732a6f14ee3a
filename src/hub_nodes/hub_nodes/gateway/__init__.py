"""The gateway: plugs of other makes become outlets over MQTT, and all outlets appear in Home Assistant."""
from hub_nodes.gateway.node import GatewayNode, main

__all__ = ['GatewayNode', 'main']
