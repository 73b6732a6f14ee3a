"""The home as a micro-grid: is the grid there, who leads without it, and what a leader may do."""
from hearthgrid_core.island.ballot import BusSeen, Change, Durable, Fence, Kind, Message, Persist, Persisted
from hearthgrid_core.island.budget import Ahead
from hearthgrid_core.island.detector import DetectorSettings, Finding, OutageDetector, frequency_shift
from hearthgrid_core.island.duties import Ask, Charge, DutySettings, Metered, Stated
from hearthgrid_core.island.election import Election, ElectionSettings, Role
from hearthgrid_core.island.fence import Command, Gate
from hearthgrid_core.island.member import Member, MemberSettings, View
from hearthgrid_core.island.membership import Committee
from hearthgrid_core.island.regulation import Given, Steer
from hearthgrid_core.island.secondary import Share
from hearthgrid_core.island.sequence import Sequence, SequenceSettings, Sight
from hearthgrid_core.island.watch import (
    GridWatch,
    GridWatchSettings,
    Mode,
    Standing,
    Supply,
    Tie,
    half_cycle_rms,
)

__all__ = [
    'Ahead', 'Ask', 'BusSeen', 'Change', 'Charge', 'Command', 'Committee', 'DetectorSettings', 'Durable',
    'DutySettings', 'Election', 'ElectionSettings', 'Fence', 'Finding', 'Gate', 'Given', 'GridWatch',
    'GridWatchSettings', 'Kind', 'Member', 'MemberSettings', 'Message', 'Metered', 'Mode', 'OutageDetector',
    'Persist', 'Persisted', 'Role', 'Sequence', 'SequenceSettings', 'Share', 'Sight', 'Standing', 'Stated', 'Steer',
    'Supply', 'Tie', 'View', 'frequency_shift', 'half_cycle_rms',
]
