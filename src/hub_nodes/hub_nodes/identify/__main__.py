"""`python -m hub_nodes.identify`"""
from hub_nodes.identify import main

if __name__ == '__main__':
    raise SystemExit(main())
