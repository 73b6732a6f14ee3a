"""What of a device is watched: one statistic a day each, what it means when it is too high, and how to say it."""
import math
from dataclasses import dataclass

from .alarm import Kind, Severity
from .course import FLOOR_NOISE, minutes_of, power_of
from .tail import Prior

HEAT_FLOOR = 0.02       # added before the logarithm [K/A²]
REST_FLOOR = 0.05       # … of the cycle [1]


@dataclass(frozen=True)
class Channel:
    """prior : fitted to half of the tracebase devices where the statistic is of power; elsewhere an unmeasured guess
    power : it is one of those on power, of which one at a time is told
    at_end : it is known at the end of a day only
    """

    kind: Kind
    severity: Severity
    prior: Prior
    power: bool = True
    at_end: bool = False


_WIDE = Prior(0.7, 0.05)
CHANNELS: dict[str, Channel] = {
    'peak': Channel(Kind.POWER, Severity.WARNING, Prior(0.65, 0.008)),
    'burst': Channel(Kind.POWER, Severity.WARNING, Prior(0.46, 0.017)),
    'energy': Channel(Kind.POWER, Severity.WARNING, Prior(0.78, 0.004)),
    'run': Channel(Kind.FORGOTTEN, Severity.WARNING, Prior(1.73, 0.37)),
    'pause': Channel(Kind.POWER, Severity.WARNING, Prior(2.0, 0.3)),
    'standby': Channel(Kind.WASTE, Severity.INFO, Prior(0.3, 0.015)),
    'noise': Channel(Kind.POWER, Severity.WARNING, Prior(2.5, 0.21)),
    'level': Channel(Kind.DRIFT, Severity.INFO, Prior(0.7, 0.003), at_end=True),
    'loss': Channel(Kind.DRIFT, Severity.INFO, Prior(0.5, 0.008), at_end=True),
    'heat': Channel(Kind.CONTACT, Severity.WARNING, _WIDE, power=False),
    'start': Channel(Kind.START, Severity.WARNING, _WIDE, power=False),
    'winding': Channel(Kind.WINDING, Severity.WARNING, _WIDE, power=False),
    'rest': Channel(Kind.ARC, Severity.CRITICAL, _WIDE, power=False),
    'waveform': Channel(Kind.WAVEFORM, Severity.WARNING, _WIDE, power=False),
}


def quantity(name: str, value: float) -> float:
    """Return what a statistic stands for. [W], [min], [K/A²], [s], [var] or [1]"""
    if name in ('run', 'pause'):
        return minutes_of(value)
    if name in ('peak', 'burst', 'energy', 'standby', 'level'):
        return power_of(value)
    if name == 'loss':
        return power_of(-value)
    return math.exp(value) - {'noise': FLOOR_NOISE, 'heat': HEAT_FLOOR, 'rest': REST_FLOOR}.get(name, 0.0)


def kind_of(name: str, cyclic: bool) -> Kind:
    """Return what it is, by whether the device runs by a thermostat or for a person."""
    if cyclic and name in ('burst', 'energy'):
        return Kind.WASTE
    return Kind.STUCK if cyclic and name == 'run' else CHANNELS[name].kind


def words(name: str, value: float, usual: float, most: float, cyclic: bool) -> str:
    """Return the evidence for people. value, usual, most : as `quantity` gives them"""
    if name == 'run':
        tail = 'stuck, or its door open?' if cyclic else 'forgotten?'
        return f'has run for {value:.0f} min; its longest run was {most:.0f} min: {tail}'
    if name == 'pause':
        return f'has been off for {value:.0f} min; its longest pause was {most:.0f} min: does it still work?'
    if name == 'standby':
        return f'rests at {value:.1f} W; {usual:.1f} W is usual'
    if name in ('level', 'loss'):
        return f'has slowly come to draw {value:.0f} W where it drew {usual:.0f} W'
    if name == 'burst':
        tail = ': door open, or iced up?' if cyclic else ''
        return f'took {value:.0f} W over three hours; {usual:.0f} W is a usual day\'s most, {most:.0f} W the most{tail}'
    what = {'peak': 'draws {} W',
            'energy': 'takes {} W in the mean of this day',
            'noise': 'its power wavers by {} of itself',
            'heat': 'contacts warm by {} K/A²: a loose contact?',
            'start': 'takes {} s to start: a failing capacitor?',
            'winding': 'takes {} var: shorted turns?',
            'rest': 'its current rests for {} of the cycle: a series arc?',
            'waveform': 'its waveform is {} times as far off as is usual: wear or a fault?'}[name]
    return f'{what.format(f"{value:.3g}")} ({usual:.3g} is usual, {most:.3g} was the most)'
