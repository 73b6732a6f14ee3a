"""What the plan node says: the plan itself, requests to outlets, setpoints to inverters."""
import math
from array import array
from dataclasses import dataclass

import numpy as np

from hearthgrid_core.plan import Kind, PlanResult, Status
from hearthgrid_msgs import msg
from hearthgrid_ros.interfaces import INVERTER_SETPOINT, PLAN, REQUEST
from hearthgrid_ros.keys import Keys
from hearthgrid_ros.time import to_msg

SETPOINT_LIFE = 5.0     # after which an inverter falls back to its own droop [s]
WITHDRAW_LIFE = 2.0     # of the last word to an inverter or outlet [s]
DEVICES_MAX, REASONS_MAX = 64, 16
SENDER, LIMITER = 'plan', 'limit'
CAP_LIFE, CAP_REFRESH = 15.0, 3.0   # of the word that keeps a load off for the import limit [s]
ON = (1.0, math.inf)    # one watt: the least that says on [W]
OFF = (0.0, 0.0)
NOTHING = (0.0, math.nan)
STATUS = {Status.OPTIMAL: msg.Plan.STATUS_OPTIMAL, Status.RELAXED: msg.Plan.STATUS_RELAXED,
          Status.FAILED: msg.Plan.STATUS_FAILED}


@dataclass(frozen=True, eq=False)
class Made:
    """A plan as it is in force. epoch : its number     valid_until : [s]     without : what it had to do without"""

    result: PlanResult
    epoch: int
    valid_until: float
    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Asked:
    """What an outlet was last asked. due : when it is asked again [s]"""

    band: tuple[float, float]
    epoch: int
    due: float


class Commands:
    """Publishers, and the epoch and counter that order all this node ever says."""

    def __init__(self, node, epoch: int, refresh: float, request_life: float, keys_file: str = ''):
        self._node, self._refresh, self._life = node, refresh, request_life
        self.epoch, self._counter = epoch, 0
        self._keys = Keys(keys_file, node.get_logger().error)
        self._asked: dict[str, _Asked] = {}
        self._plan, self._setpoint = PLAN.publisher(node), INVERTER_SETPOINT.publisher(node)
        self._requests: dict[str, object] = {}
        self._capped: dict[str, float] = {}  # when each outlet that must be off is told again [s]

    @property
    def publishers(self) -> list:
        """All there are."""
        return [self._plan, self._setpoint, *self._requests.values()]

    def number(self, now: float) -> int:
        """Return the next plan's epoch. It rises over restarts too: outlets take the next planner for the newer one."""
        self.epoch = max(self.epoch + 1, int(now))
        return self.epoch

    def tell(self, made: Made, currency: str, now: float) -> None:
        """Publish a plan."""
        self._plan.publish(plan_message(made, currency, now))

    def set_inverter(self, inverter: str, power: float, now: float, life: float = SETPOINT_LIFE) -> None:
        """Have an inverter follow `power` [W], positive when it draws, for `life` [s]."""
        self._counter += 1
        self._setpoint.publish(self._keys.sign_setpoint(msg.InverterSetpoint(
            stamp=to_msg(now), expiry=to_msg(now + life), inverter=inverter, mode=msg.InverterSetpoint.MODE_FOLLOW,
            epoch=self.epoch, counter=self._counter, active_power=power, reactive_power=0.0, frequency=math.nan,
            voltage=math.nan, sender=SENDER), now))

    def cap(self, off: dict[str, str], now: float) -> None:
        """Have outlets off for the import limit, each with its reason, and let the others go."""
        for outlet in [outlet for outlet in self._capped if outlet not in off]:
            del self._capped[outlet]
            self._request(outlet, NOTHING, 'there is room again', now, now + WITHDRAW_LIFE, LIMITER)
        for outlet, reason in off.items():
            if now >= self._capped.get(outlet, -math.inf):
                self._capped[outlet] = now + CAP_REFRESH
                self._request(outlet, OFF, reason, now, now + CAP_LIFE, LIMITER)

    def ask(self, made: Made, powers: dict[str, float], settable: set[str], now: float) -> None:
        """Ask each outlet that has a job to be on or off: when that changed, and now and then anyway.

        powers : of the outlets' jobs while they run [W]; outlets without one are let go.
        settable : those whose power can be set, which get a cap instead.
        """
        loads = {schedule.name: schedule for schedule in made.result.of(Kind.LOAD) if schedule.name in powers}
        for outlet in [outlet for outlet in self._asked if outlet not in loads]:
            self.withdraw(outlet, now)
        step = made.result.at(now)
        for outlet, schedule in loads.items():
            power = float(schedule.power[step])
            band = OFF if power <= 0.01 * powers[outlet] else (1.0, max(1.0, power)) if outlet in settable else ON
            asked = self._asked.get(outlet)
            if asked and asked.band == band and asked.epoch == made.epoch and now < asked.due:
                continue
            self._asked[outlet] = _Asked(band, made.epoch, now + self._refresh)
            self._request(outlet, band, schedule.reason, now, min(made.valid_until, now + self._life))

    def withdraw(self, outlet: str, now: float) -> None:
        """Take back what an outlet was asked."""
        del self._asked[outlet]
        self._request(outlet, NOTHING, 'nothing is planned any more', now, now + WITHDRAW_LIFE)

    def withdraw_all(self, now: float) -> None:
        """Take back what all outlets were asked."""
        for outlet in list(self._asked):
            self.withdraw(outlet, now)

    def _request(self, outlet: str, band: tuple[float, float], reason: str, now: float, expiry: float,
                 sender: str = SENDER) -> None:
        if outlet not in self._requests:
            self._requests[outlet] = REQUEST.publisher_to(self._node, outlet)
        self._counter += 1
        self._requests[outlet].publish(self._keys.sign(outlet, msg.Request(
            stamp=to_msg(now), expiry=to_msg(expiry), epoch=self.epoch, counter=self._counter,
            voice=msg.Request.VOICE_PLAN if sender == SENDER else msg.Request.VOICE_GRID_SERVICE,
            power_min=band[0], power_max=band[1], reason=_short(reason, 128), sender=sender), now))


def plan_message(made: Made, currency: str, now: float) -> msg.Plan:
    """Return a plan in the shape outlets and people read."""
    result = made.result
    devices = [msg.DevicePlan(outlet=s.name[:32], power=_floats(s.power), reason=_short(s.reason, 160))
               for s in result.schedules if s.kind is not Kind.BASE][:DEVICES_MAX]
    batteries = result.of(Kind.BATTERY)
    energy = sum(s.energy for s in batteries) if batteries else np.empty(0)
    reasons = [_short(reason, 160) for reason in (*result.reasons, *made.without)][:REASONS_MAX]
    return msg.Plan(
        stamp=to_msg(now), epoch=made.epoch, status=STATUS[result.status], start=to_msg(result.horizon.start),
        step=result.horizon.step, valid_until=to_msg(made.valid_until), cost=result.cost,
        cost_unmanaged=result.cost_unmanaged, currency=currency[:3], solve_time=result.solve_time,
        grid_power=_floats(result.grid_power), battery_power=_floats(result.power(Kind.BATTERY)),
        battery_energy_kwh=_floats(energy), pv_power=_floats(-result.power(Kind.PHOTOVOLTAIC)),
        base_load=_floats(result.power(Kind.BASE)), devices=devices, reasons=reasons)


def _floats(values: np.ndarray) -> array:
    return array('f', np.asarray(values, dtype=float).tolist())


def _short(text: str, length: int) -> str:
    """Return text of at most `length` bytes, as the message's bound counts them."""
    raw = text.encode()
    return text if len(raw) <= length else raw[:length - 3].decode(errors='ignore') + '…'
