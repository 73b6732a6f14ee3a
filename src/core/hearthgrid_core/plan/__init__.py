"""When to draw, store, buy and sell: an optimisation that is a sum of devices, one file each."""
from .base_load import BaseLoad
from .battery import Battery
from .block_job import BlockJob
from .check import check
from .device import Device, Kind, Schedule
from .grid import Grid
from .horizon import Horizon
from .inner_loop import InnerLoopSettings, Moment, battery_power
from .interruptible_job import InterruptibleJob
from .optional_load import OptionalLoad
from .photovoltaic import Photovoltaic
from .planner import Planner, Problem, utc_time
from .result import PlanResult, Status
from .settings import PlanSettings
from .situation import BatteryFacts, HomeFacts, JobState, Limit, Situation, problem, waits_for
from .thermostatic import Thermostatic

__all__ = ['BaseLoad', 'Battery', 'BatteryFacts', 'BlockJob', 'Device', 'Grid', 'HomeFacts', 'Horizon',
           'InnerLoopSettings', 'InterruptibleJob', 'JobState', 'Kind', 'Limit', 'Moment', 'OptionalLoad',
           'Photovoltaic', 'PlanResult', 'PlanSettings', 'Planner', 'Problem', 'Schedule', 'Situation', 'Status',
           'Thermostatic', 'battery_power', 'check', 'problem', 'utc_time', 'waits_for']
