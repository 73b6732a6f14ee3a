"""A plain look at a plan before it leaves: numbers only, nothing of the optimisation that made it."""
import math
from functools import singledispatch

import numpy as np

from .base_load import BaseLoad
from .battery import Battery
from .block_job import BlockJob
from .device import KILO, Device, Schedule
from .grid import Grid
from .horizon import HOUR, Horizon
from .interruptible_job import InterruptibleJob
from .job import Job
from .modulating_job import ModulatingJob
from .optional_load import OptionalLoad
from .photovoltaic import Photovoltaic
from .result import PlanResult
from .thermostatic import Thermostatic

POWER = 1.0         # [W]
ENERGY = 2e-3       # [kWh]


def check(result: PlanResult, devices: tuple[Device, ...], grid: Grid) -> list[str]:
    """Return what is wrong with a plan, in words; empty when nothing is.

    Balance in each step, limits unless the plan says it breaks them, and each device's own physics.
    """
    horizon, words = result.horizon, []
    if [schedule.name for schedule in result.schedules] != [device.name for device in devices]:
        return ['its devices are not those of the problem']
    arrays = [result.grid_power, result.price, *(schedule.power for schedule in result.schedules)]
    if any(array.shape != (horizon.count,) or not np.isfinite(array).all() for array in arrays):
        return ['an array is too short, too long or not a number']
    drawn = sum((schedule.power for schedule in result.schedules), np.zeros(horizon.count))
    worst = float(np.abs(drawn - result.grid_power).max())
    if worst > POWER:
        words.append(f'the balance is out by {worst:.1f} W')
    power = result.grid_power
    for name, over in (('import', power - grid.import_max), ('export', -power - grid.export_max)):
        if over.max() > 2 * POWER and not any(word.startswith(f'{name} limit') for word in result.reasons):
            words.append(f'the {name} limit is exceeded by {over.max():.1f} W and nothing is said of it')
    words += _spared(result, devices)
    for device, schedule in zip(devices, result.schedules, strict=True):
        words += [f'{device.name}: {word}' for word in complaints(device, schedule, horizon)]
    return words


def _spared(result: PlanResult, devices: tuple[Device, ...]) -> list[str]:
    """Return a complaint when what the battery must not serve draws more than grid and sun give."""
    spared = [schedule.power for device, schedule in zip(devices, result.schedules, strict=True)
              if isinstance(device, ModulatingJob) and not device.from_battery]
    given = np.maximum(result.grid_power, 0.0) - sum(
        schedule.power for device, schedule in zip(devices, result.schedules, strict=True)
        if isinstance(device, Photovoltaic))
    return ['the battery serves what it must not'] if spared and (sum(spared) > given + 2 * POWER).any() else []


@singledispatch
def complaints(device: Device, schedule: Schedule, horizon: Horizon) -> list[str]:
    """Return what is wrong with one device's schedule, in words."""
    raise TypeError(f'no check is written for {type(device).__name__}')


@complaints.register
def _(device: BaseLoad, schedule: Schedule, horizon: Horizon) -> list[str]:
    return [] if np.abs(schedule.power - device.power).max() <= POWER else ['is not its forecast']


@complaints.register
def _(device: Photovoltaic, schedule: Schedule, horizon: Horizon) -> list[str]:
    most = np.maximum(device.power, 0.0)
    made = -schedule.power
    wrong = (made > most + POWER) | (made < -POWER)
    if not device.curtailable:
        wrong |= np.abs(made - most) > POWER
    return ['produces what the sun does not give'] if wrong.any() else []


@complaints.register
def _(device: Battery, schedule: Schedule, horizon: Horizon) -> list[str]:
    words, energy = [], min(device.energy, device.capacity)
    for power, hours, planned in zip(schedule.power, horizon.hours, schedule.energy, strict=True):
        if not -device.discharge_max - POWER <= power <= device.charge_max + POWER:
            words.append(f'{power:.0f} W is beyond its power')
        flow = power / KILO * hours
        energy += flow * device.charge_efficiency if flow > 0 else flow / device.discharge_efficiency
        if not -ENERGY <= energy <= device.capacity + ENERGY:
            words.append(f'{energy:.3f} kWh do not fit')
        if abs(energy - planned) > ENERGY:
            words.append(f'its energy is {planned:.3f} kWh where its power makes {energy:.3f}')
        if words:
            return words
        energy = planned  # what rounding leaves must not add up
    return words


@complaints.register
def _(device: BlockJob, schedule: Schedule, horizon: Horizon) -> list[str]:
    running = np.flatnonzero(schedule.power > POWER)
    words = _delivery(device, schedule, horizon)
    if len(running) and running[-1] - running[0] + 1 != len(running):
        words.append('is not in one block')
    if np.any(schedule.power[running[1:-1]] < device.power - POWER):
        words.append('does not run at its power')
    return words


@complaints.register
def _(device: InterruptibleJob, schedule: Schedule, horizon: Horizon) -> list[str]:
    words, on = _delivery(device, schedule, horizon), schedule.power > 0.01 * device.power
    unused = float(((device.power - schedule.power)[on] / KILO) @ horizon.hours[on])
    if unused > device.power / KILO * horizon.step / HOUR + ENERGY:
        words.append('is neither off nor at its power')
    return words


@complaints.register
def _(device: ModulatingJob, schedule: Schedule, horizon: Horizon) -> list[str]:
    words, on = _delivery(device, schedule, horizon), schedule.power > POWER
    if np.any(schedule.power[on] < device.power_min - POWER):
        words.append('draws less than it can')
    return words


def _delivery(device: Job, schedule: Schedule, horizon: Horizon) -> list[str]:
    """Compare the energy a job gets, and when, with what it asks and what the plan owns up to."""
    words, begin, end = [], horizon.edges[:-1], horizon.edges[1:]
    due = min(device.deadline, horizon.end)
    share = np.clip((due - begin) / (end - begin), 0.0, 1.0)
    in_time = float(np.sum(schedule.power / KILO * (end - begin) / HOUR * share))
    if in_time + schedule.missed < device.energy - ENERGY:
        words.append(f'gets {in_time:.3f} of {device.energy:.3f} kWh in time, and only {schedule.missed:.3f} are '
                     f'said to be missed')
    if float(schedule.power @ horizon.hours) / KILO > device.energy + ENERGY:
        words.append('gets more than it asks')
    if np.any(schedule.power > device.power + POWER) or np.any(schedule.power < -POWER):
        words.append('draws what it cannot')
    if math.isfinite(device.earliest) and np.any((schedule.power > POWER) & (end <= device.earliest)):
        words.append('runs before it may')
    return words


@complaints.register
def _(device: OptionalLoad, schedule: Schedule, horizon: Horizon) -> list[str]:
    on = schedule.power > POWER
    wrong = np.any(on & (np.asarray(device.wanted) <= 0)) or np.any(np.abs(schedule.power[on] - device.power) > POWER)
    return ['runs when it must not or at another power'] if wrong else []


@complaints.register
def _(device: Thermostatic, schedule: Schedule, horizon: Horizon) -> list[str]:
    power = schedule.power
    words = [] if ((power >= -POWER) & (power <= device.power + POWER)).all() else ['draws what it cannot']
    temperature = device.temperature
    for k, hours in enumerate(horizon.hours):
        rest = math.exp(-hours * HOUR / (device.resistance * device.capacity))
        temperature = rest * temperature + (1 - rest) * (device.ambient[k] + device.resistance * device.gain * power[k])
        if not schedule.relaxed and not device.low - 0.2 <= temperature <= device.high + 0.2:
            return [*words, f'reaches {temperature:.1f} °C and nothing is said of it']
    return words
