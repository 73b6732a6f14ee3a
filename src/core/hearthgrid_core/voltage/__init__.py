"""Conservation voltage reduction: the lowest supply voltage at which every outlet is still within its limits."""
from .law import Cause, Law
from .optimiser import Measured, Setpoint, Snapshot, VoltageOptimiser
from .settings import EN_50160, RANGE_A, LawSettings, VoltageSettings

__all__ = ['EN_50160', 'RANGE_A', 'Cause', 'Law', 'LawSettings', 'Measured', 'Setpoint', 'Snapshot',
           'VoltageOptimiser', 'VoltageSettings']
