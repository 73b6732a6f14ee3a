"""What one outlet decides by itself: arbitration of all voices, protection, relay limits, schedules, jobs."""
from hearthgrid_core.outlet.authentic import authentic, pack, sign
from hearthgrid_core.outlet.band import FREE, OFF, ON, Agreement, Band, Voice, Word, arbitrate, settle
from hearthgrid_core.outlet.capture import Block, Capture, Captured, Drop, Reading
from hearthgrid_core.outlet.controller import Decision, OutletController, Refused, Snapshot
from hearthgrid_core.outlet.job import Job, JobBook, JobSettings, Status
from hearthgrid_core.outlet.protection import (
    Measurement,
    Protection,
    ProtectionSettings,
    Trip,
    block_fault,
    trip_time,
)
from hearthgrid_core.outlet.relay import CapGuard, RelayLimits, RelaySettings
from hearthgrid_core.outlet.requests import RULES, Refusal, Request, RequestBook, RequestSettings
from hearthgrid_core.outlet.schedule import Entry, Priority, Schedule

__all__ = ['FREE', 'OFF', 'ON', 'RULES', 'Agreement', 'Band', 'Block', 'CapGuard', 'Capture', 'Captured', 'Decision',
           'Drop', 'Entry', 'Job', 'JobBook', 'JobSettings', 'Measurement', 'OutletController', 'Priority',
           'Protection', 'ProtectionSettings', 'Reading', 'Refusal', 'Refused', 'RelayLimits', 'RelaySettings',
           'Request', 'RequestBook', 'RequestSettings', 'Schedule', 'Snapshot', 'Status', 'Trip', 'Voice', 'Word',
           'arbitrate', 'authentic', 'block_fault', 'pack', 'settle', 'sign', 'trip_time']
