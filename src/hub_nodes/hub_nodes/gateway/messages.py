"""ROS messages of a plug, to values and back."""
import math

from hearthgrid_msgs import msg
from hearthgrid_ros.time import to_msg
from hub_nodes.gateway.outlet import PlugOutlet, Step
from hub_nodes.gateway.plug import QUANTITIES

REASON = 128  # of a text on the wire [byte]
UNMEASURED = ('active_power', 'voltage', 'current', 'energy_kwh')  # worth a word when a plug cannot


def reading(now: float, id: str, sequence: int, duration: float, supply: int, values: dict[str, float]) -> msg.Reading:
    """Return a reading; what the plug does not measure is NaN."""
    known = {name: values.get(name, math.nan) for name in QUANTITIES}
    return msg.Reading(stamp=to_msg(now), outlet=id, sequence=sequence, duration=duration, supply=supply,
                       voltage_thd=math.nan, current_thd=math.nan, **known)


MEASURED = {'active_power': msg.OutletState.FEATURE_POWER, 'voltage': msg.OutletState.FEATURE_VOLTAGE,
            'current': msg.OutletState.FEATURE_CURRENT, 'energy_kwh': msg.OutletState.FEATURE_ENERGY,
            'temperature': msg.OutletState.FEATURE_TEMPERATURE}


def state(now: float, id: str, title: str, plug: PlugOutlet, step: Step, refused: int) -> msg.OutletState:
    """Return what the plug does, and why; what it cannot measure stands at the end of the reason."""
    relay = {None: msg.OutletState.RELAY_UNKNOWN, True: msg.OutletState.RELAY_CLOSED,
             False: msg.OutletState.RELAY_OPEN}[step.relay]
    lacks = [name.partition('_kwh')[0].replace('_', ' ') for name in UNMEASURED if name not in plug.measures]
    reason = step.reason if plug.online else f'the plug is not heard; {step.reason}'
    features = msg.OutletState.FEATURE_SWITCH + sum(flag for name, flag in MEASURED.items() if name in plug.measures)
    tail = f'; measures no {", ".join(lacks)}' if lacks else ''
    return msg.OutletState(
        stamp=to_msg(now), outlet=id, relay=relay, waiting=step.waiting, voice=step.voice,
        power_min=step.band.power_min, power_max=step.band.power_max,
        reason=short(reason, REASON - len(tail)) + tail, priority=plug.priority,
        demand=plug.values(now).get('active_power', math.nan), inrush=math.nan, thermal_load=math.nan, title=title,
        requests_refused=refused, features=features)


def short(text: str, length: int) -> str:
    """Return as much of a text as fits [byte]."""
    return text.encode()[:length].decode(errors='ignore')
