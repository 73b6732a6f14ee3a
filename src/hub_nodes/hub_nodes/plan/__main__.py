"""`python -m hub_nodes.plan` runs the node."""
from hub_nodes.plan.node import main

raise SystemExit(main())
