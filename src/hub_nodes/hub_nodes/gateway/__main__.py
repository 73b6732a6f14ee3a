from hub_nodes.gateway.node import main

raise SystemExit(main())
