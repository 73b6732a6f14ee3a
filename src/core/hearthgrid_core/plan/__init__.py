"""When to draw, store, buy and sell: an optimisation that is a sum of devices, one file each."""
from .base_load import BaseLoad
from .battery import Battery
from .block_job import BlockJob
from .check import check
from .device import Device, Kind, Schedule
from .grid import Grid, Tariff
from .horizon import Horizon
from .inner_loop import Follower, InnerLoopSettings, Moment, battery_power, excess
from .interruptible_job import InterruptibleJob
from .modulating_job import ModulatingJob, car
from .optional_load import OptionalLoad
from .photovoltaic import Photovoltaic
from .planner import Planner, Problem, utc_time
from .result import PlanResult, Status
from .settings import PlanSettings
from .shed import Load, Shedder, ShedSettings
from .situation import BatteryFacts, HomeFacts, JobState, Limit, Situation, problem, waits_for
from .stock import Chances
from .stores import split, together
from .thermostatic import Thermostatic

__all__ = ['BaseLoad', 'Battery', 'BatteryFacts', 'BlockJob', 'Chances', 'Device', 'Follower', 'Grid', 'HomeFacts',
           'Horizon', 'InnerLoopSettings', 'InterruptibleJob', 'JobState', 'Kind', 'Limit', 'Load', 'ModulatingJob',
           'Moment', 'OptionalLoad', 'Photovoltaic', 'PlanResult', 'PlanSettings', 'Planner', 'Problem',
           'Schedule', 'ShedSettings', 'Shedder', 'Situation', 'Status', 'Tariff', 'Thermostatic',
           'battery_power', 'car', 'check', 'excess', 'problem', 'split', 'together', 'utc_time', 'waits_for']
