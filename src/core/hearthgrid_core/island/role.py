"""What a member is in the election, and the times all members agree on."""

from dataclasses import dataclass
from enum import IntEnum

from hearthgrid_core.settings import check_bounds, setting

BUS = ' bus'  # the third voter of a committee of two; no outlet has such a name


class Role(IntEnum):
    """What a member is in the election."""

    OBSERVER = 0  # not of the committee
    FOLLOWER = 1
    PRE_CANDIDATE = 2
    CANDIDATE = 3
    LEADER = 4


OBSERVER, FOLLOWER, PRE_CANDIDATE, CANDIDATE, LEADER = Role  # a look-up in the enumeration costs seven times as much


@dataclass(frozen=True)
class ElectionSettings:
    """Times of the election. All members of a zone must agree on `timeout` and `drift`: leases rest on them."""

    heartbeat: float = setting(0.05, 's', 0.005, 5.0, "Period of the leader's heartbeats to everybody.")
    timeout: float = setting(0.15, 's', 0.015, 60.0, 'T0: silence after which a leader is doubted; the longest lease.')
    spread: float = setting(0.15, 's', 0.0, 60.0, 'R: range of the random part of the timeout.')
    drift: float = setting(0.01, '1', 0.0, 0.1, "Largest error of a clock's rate.")
    repeat: float = setting(0.02, 's', 0.001, 5.0, 'After so long an unanswered question is asked again.')
    canvass: float = setting(0.08, 's', 0.005, 60.0, 'How long a candidate asks before it draws a new time to wait.')
    courtship: float = setting(0.04, 's', 0.0, 60.0, 'So long a pre-vote keeps others from getting one.')
    join: float = setting(1.0, 's', 0.05, 60.0, "Period of an observer's sign of life to the leader.")

    def __post_init__(self) -> None:
        check_bounds(self)
        if 2 * self.heartbeat > self.timeout:
            raise ValueError(f'heartbeat {self.heartbeat:g} s: two must fit in timeout {self.timeout:g} s')
        if self.canvass > self.lease:
            raise ValueError(f'canvass {self.canvass:g} s must not be longer than a lease, {self.lease:g} s')

    @property
    def lease(self) -> float:
        """Longest lease on the leader's clock. [s]"""
        return self.timeout * (1.0 - 3.0 * self.drift)
