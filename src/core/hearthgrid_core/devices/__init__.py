"""Devices: which one hangs on an outlet, and whether it behaves."""
from .alarm import AnomalyEvent, Kind, Severity, Status
from .anomaly import AnomalyDetector
from .classifier import Classifier
from .examples import DevicesError, Taught
from .household import UNTIL_CHANGE, Claim, Household, Look
from .identifier import RECIPE, Identification, Identifier, IdentityState
from .limits import Observation, Trip
from .recogniser import Recogniser
from .settings import AnomalySettings, IdentifierSettings
from .view import appliance_view

__all__ = [
    'RECIPE', 'UNTIL_CHANGE', 'AnomalyDetector', 'AnomalyEvent', 'AnomalySettings', 'Claim', 'Classifier',
    'DevicesError', 'Household', 'Identification', 'Identifier', 'IdentifierSettings', 'IdentityState', 'Kind',
    'Look', 'Observation', 'Recogniser', 'Severity', 'Status', 'Taught', 'Trip', 'appliance_view',
]
