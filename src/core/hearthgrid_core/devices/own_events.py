"""What an outlet that knows its devices hears, and what it then does."""
from dataclasses import dataclass

import numpy as np

from .identifier import Identification, IdentityState


@dataclass(frozen=True, eq=False)
class Seen:
    """A signature of the outlet's own. Times in [s], powers in [W], [VA]

    sequence : of the signature     time : start of its window     duration : of it     vector : (features,)
    version : of the signature's recipe     changed : it was taken because the load changed
    """

    sequence: int
    time: float
    duration: float
    vector: np.ndarray
    version: int
    active_power: float
    apparent_power: float
    changed: bool = False


@dataclass(frozen=True)
class Told:
    """The hub's answer to the signature of this sequence and time [s]; type and model '' where it names none."""

    sequence: int
    time: float
    state: IdentityState
    type: str = ''
    model: str = ''
    probability: float = float('nan')
    recipe: str = ''


@dataclass(frozen=True)
class Said:
    """A label: what is on the outlet in `begin` … `end` [s]; `UNTIL_CHANGE` = until the load changes after `said`."""

    type: str
    model: str
    begin: float
    end: float
    said: float


@dataclass(frozen=True)
class Undone:
    """The last correction was wrong."""


@dataclass(frozen=True)
class Actions:
    """answer : to say now: sequence and time of the signature [s], and what it is     quiet : the hub is back: take own
    answers away     taught : something was learnt or taken back that must not be lost     moved : use refined something
    """

    answer: tuple[int, float, Identification] | None = None
    quiet: bool = False
    taught: bool = False
    moved: bool = False
