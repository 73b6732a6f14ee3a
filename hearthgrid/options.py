"""Options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

SHOWN = '$HEARTHGRID_STATE, else ~/.local/state/hearthgrid'  # `bringup.default_state_dir`, for people
StateDir = Annotated[
    Path | None, typer.Option('--state-dir', help='Where the home keeps its state.', show_default=SHOWN)
]
