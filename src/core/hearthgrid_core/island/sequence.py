"""The visible sequence of an outage: outage → election → confirmation → join → shed → regulate."""

from dataclasses import dataclass

from hearthgrid_core.settings import check_bounds, setting

from .watch import Mode


@dataclass(frozen=True)
class SequenceSettings:
    """How long a step may wait for others before it goes on without them."""

    join_time: float = setting(0.2, 's', 0.0, 60.0, 'How long a leader waits for members to answer.')
    shed_time: float = setting(0.5, 's', 0.0, 60.0, 'How long a leader waits for the shed loads to obey.')
    silence: float = setting(0.6, 's', 0.05, 60.0, 'After so long without a word the leader is lost.')

    def __post_init__(self) -> None:
        check_bounds(self)


@dataclass(frozen=True, slots=True)
class Sight:
    """What a member knows at one moment.

    outage : declared by its own evidence, or heard from the leader.     leads : it is the leader, or provisional one.
    authority : it may command now.     leader_heard : last word of a leader [s].     leader_mode : of that leader.
    complete : all expected members have answered.     shed : the loads to shed have obeyed.     in_step, closed : of
    the tie: the grid is back and the home is being synchronised; the tie is closed on a sound grid.
    """

    outage: bool
    leads: bool
    authority: bool
    leader_heard: float
    leader_mode: int = 0
    complete: bool = False
    shed: bool = False
    in_step: bool = False
    closed: bool = False


class Sequence:
    """One member's mode. A leader goes step by step; the others follow what it says, never ahead of it."""

    def __init__(self, settings: SequenceSettings, now: float) -> None:
        self._settings = settings
        self.mode, self.since = Mode.GRID, now

    def step(self, now: float, sight: Sight) -> Mode | None:
        """Return the mode entered now, None when it stays. One step a call, so that each is seen."""
        following = self._next(now, sight)
        if following is self.mode:
            return None
        self.mode, self.since = following, now
        return following

    def _next(self, now: float, sight: Sight) -> Mode:
        mode, waited, settings = self.mode, now - self.since, self._settings
        if sight.closed and not sight.outage:
            return Mode.GRID
        if mode is Mode.GRID:
            return Mode.OUTAGE if sight.outage else mode
        if mode is Mode.OUTAGE:
            return Mode.ELECTION
        known = sight.leads or now - sight.leader_heard < settings.silence
        if not known:
            return Mode.ELECTION
        if mode is Mode.ELECTION:
            return Mode.CONFIRMATION
        if not sight.leads:
            return self._follow(sight.leader_mode)
        if mode is Mode.CONFIRMATION:
            return Mode.JOIN if sight.authority else mode
        if mode is Mode.JOIN:
            return Mode.SHED if sight.complete or waited >= settings.join_time else mode
        if mode is Mode.SHED:
            return Mode.REGULATE if sight.shed or waited >= settings.shed_time else mode
        if mode is Mode.REGULATE:
            return Mode.SYNCHRONISE if sight.in_step and sight.authority else mode
        return mode if sight.in_step else Mode.REGULATE

    def _follow(self, told: int) -> Mode:
        """Go on towards what the leader does, one step at a time; straight back where it went back."""
        if told <= Mode.CONFIRMATION:
            return Mode.CONFIRMATION
        return Mode(min(int(self.mode) + 1, told)) if told > self.mode else Mode(told)
