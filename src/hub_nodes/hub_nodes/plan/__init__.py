"""The plan node: what it hears, what it says, and when it thinks."""
from hub_nodes.plan.node import PlanNode, main
from hub_nodes.plan.settings import PlanNodeSettings

__all__ = ['PlanNode', 'PlanNodeSettings', 'main']
