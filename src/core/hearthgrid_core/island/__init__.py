"""The home as a micro-grid. So far: is the grid there, as one member sees it."""
from hearthgrid_core.island.watch import (
    GridWatch,
    GridWatchSettings,
    Mode,
    Standing,
    Supply,
    Tie,
    half_cycle_rms,
)

__all__ = ['GridWatch', 'GridWatchSettings', 'Mode', 'Standing', 'Supply', 'Tie', 'half_cycle_rms']
