from hub_nodes.notify.node import main

raise SystemExit(main())
