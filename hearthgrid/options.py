"""Options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

SHOWN = '$HEARTHGRID_STATE, else ~/.local/state/hearthgrid'  # `bringup.default_state_dir`, for people
StateDir = Annotated[
    Path | None, typer.Option('--state-dir', help='Where the home keeps its state.', show_default=SHOWN)
]
HomeName = Annotated[str, typer.Option('--name', help='Name of the home: its ROS namespace.')]
AsJson = Annotated[bool, typer.Option('--json', help='Print JSON.')]
