"""`python -m hub_nodes.grid_service` runs the node."""
from hub_nodes.grid_service.node import main

raise SystemExit(main())
