"""The utility's programme of demand response: events, the user's rules, what they ask of the home, and reports."""
from hearthgrid_core.grid_service.ask import Ask, Facts, LevelSettings, ask_at, charge_power
from hearthgrid_core.grid_service.baseline import Baseline, BaselineSettings, PowerLog, baseline, delivered
from hearthgrid_core.grid_service.event import (
    Event,
    EventError,
    Interval,
    Kind,
    Opt,
    Signal,
    Status,
)
from hearthgrid_core.grid_service.prices import Prices, overlay
from hearthgrid_core.grid_service.programme import Answer, Entry, Moved, Programme
from hearthgrid_core.grid_service.rules import Decision, RuleSettings, decide

__all__ = [
    'Answer', 'Ask', 'Baseline', 'BaselineSettings', 'Decision', 'Entry', 'Event', 'EventError', 'Facts', 'Interval',
    'Kind', 'LevelSettings', 'Moved', 'Opt', 'PowerLog', 'Prices', 'Programme', 'RuleSettings', 'Signal', 'Status',
    'ask_at', 'baseline', 'charge_power', 'decide', 'delivered', 'overlay',
]
