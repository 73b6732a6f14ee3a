"""Which device is on each outlet: the node, what it keeps, and the model it runs."""
from hub_nodes.identify.memory import FILE
from hub_nodes.identify.messages import claim_of, look_of, signature_vector
from hub_nodes.identify.node import IdentifyNode, main

__all__ = ['FILE', 'IdentifyNode', 'claim_of', 'look_of', 'main', 'signature_vector']
