"""An outlet's nodes: `outlet` measures, protects and switches; `consensus` watches whether the grid is there."""
