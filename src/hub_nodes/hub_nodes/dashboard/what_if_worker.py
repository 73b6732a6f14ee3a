"""One what-if, worked out: a question as JSON comes on standard input, the answer goes to standard output."""
import json
import math
import os
import sys
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from hearthgrid_core.forecast import Series
from hearthgrid_core.plan import (
    BatteryFacts,
    HomeFacts,
    JobState,
    Planner,
    PlanResult,
    Situation,
    Status,
    Tariff,
    problem,
    together,
)
from hearthgrid_ros import home as homes
from hub_nodes.plan.settings import PlanNodeSettings

HOUR, KILO = 3600.0, 1e3
NICE = 10  # who asks can wait, the home cannot


def series(told: dict | None) -> Series | None:
    """Return a series, None for what is not known."""
    return Series(told['start'], told['step'], np.array(told['values'], float)) if told and told['values'] else None


def situation(asked: dict, home: homes.Home | None, settings: PlanNodeSettings, charge: float) -> Situation:
    """Return what is known of the home, its battery filled to `charge`."""
    throttleable = {outlet.id for outlet in home.outlets if outlet.throttleable} if home else set()
    prices = asked['prices'] or {}
    buy, sell = (series({'start': prices['start'], 'step': prices['step'], 'values': prices[name]}) if prices else None
                 for name in ('import_price', 'export_price'))
    jobs = tuple(JobState(job['outlet'], job['id'], job['energy_kwh'], job['delivered_kwh'], job['power'],
                          job['deadline'], job['interruptible'], job['status'] == 'running',
                          throttleable=job['outlet'] in throttleable, from_battery=settings.battery_to_car)
                 for job in asked['jobs'])
    return Situation(asked['now'], series(asked['load']), series(asked['pv']), buy, sell, series(asked['buy_ahead']),
                     charge, jobs, None)


def stored(home: homes.Home | None, charges: dict[str, float]) -> tuple[BatteryFacts | None, float]:
    """Return the battery that all make together, and its charge, as the plan node takes them: without silent ones."""
    described = home.stores if home else {name: homes.Battery() for name in charges}
    heard = {name: one for name, one in described.items() if name in charges} or described
    return together([(BatteryFacts.of(one), charges.get(name, math.nan)) for name, one in heard.items()])


def facts(home: homes.Home | None, settings: PlanNodeSettings, battery: BatteryFacts | None,
          currency: str) -> HomeFacts:
    """Return what does not change, as the plan node takes it."""
    supply = home.supply if home else homes.Supply()
    return HomeFacts(supply.import_max, supply.export_max, currency, battery, settings.pv_curtailable,
                     Tariff(settings.peak_price, settings.peak_before, settings.capacity, settings.capacity_price))


def changed(known: Situation, house: HomeFacts, change: dict) -> tuple[Situation, HomeFacts]:
    """Return what would be known of the changed home. ValueError, for people, for a change of what is not there."""
    battery, capacity, power = house.battery, change['battery_kwh'], change['battery_power']
    if capacity is not None or power is not None:
        if capacity == 0:
            house = replace(house, battery=None)
        else:
            made = battery or BatteryFacts(10.0, 4000.0, 0.95, 0.2, 0.03)
            energy = made.capacity * known.charge if battery and not math.isnan(known.charge) else 0.0
            made = replace(made, capacity=made.capacity if capacity is None else capacity,
                           power_max=made.power_max if power is None else power)
            house = replace(house, battery=made)
            known = replace(known, charge=min(1.0, max(energy / made.capacity, made.reserve)))
    for price, field in (('buy', 'buy'), ('sell', 'sell')):
        if change[price] is not None and getattr(known, field) is not None:
            old = getattr(known, field)
            known = replace(known, **{field: Series(old.start, old.step, np.full(len(old), change[price]))},
                            **({'buy_ahead': None} if price == 'buy' else {}))
    if change['import_max'] is not None:
        house = replace(house, import_max=change['import_max'])
    if change['outlet']:
        if change['outlet'] not in {job.outlet for job in known.jobs}:
            raise ValueError(f'{change["outlet"]} holds no job that waits or runs.')
        jobs = []
        for job in known.jobs:
            if job.outlet != change['outlet']:
                jobs.append(job)
            elif not change['without']:
                jobs.append(replace(job, deadline=job.deadline + (change['later'] or 0.0)))
        known = replace(known, jobs=tuple(jobs))
    return known, house


def short(result: PlanResult) -> dict:
    """Return what a plan comes to."""
    if result.status is Status.FAILED:
        raise ValueError('; '.join(result.reasons))
    hours, power = result.horizon.hours, result.grid_power
    return {'cost': float(result.cost), 'bought_kwh': float(np.maximum(power, 0.0) @ hours / KILO),
            'sold_kwh': float(np.maximum(-power, 0.0) @ hours / KILO), 'peak': float(max(power.max(), 0.0)),
            'hours': float(hours.sum()), 'status': result.status.value, 'reasons': list(result.reasons)}


def answer(asked: dict) -> dict:
    """Return both plans in short. ValueError, for people."""
    home = homes.load(asked['home_file']) if asked['home_file'] else None
    settings = PlanNodeSettings(**(home.nodes.get('plan', {}) if home else {}))
    battery, charge = stored(home, asked['charges'])
    known = situation(asked, home, settings, charge)
    currency = (asked['prices'] or {}).get('currency') or (home.tariff.currency if home else 'EUR')
    house = facts(home, settings, battery, currency)
    other = changed(known, house, asked['change'])
    zone = ZoneInfo(home.timezone) if home else None  # None: the machine's own

    def clock(time: float) -> str:
        return datetime.fromtimestamp(time, zone).strftime('%H:%M')

    # Each twice: what is left in a battery is worth what the plan before said.
    plans = []
    for one, of in ((known, house), other):
        planner = Planner(settings, clock)
        for _ in range(2):
            made = planner.plan(problem(one, of, settings)[0])
        plans.append(short(made))
    return {'currency': currency, 'present': plans[0], 'changed': plans[1]}


def main() -> int:
    """Answer one question."""
    os.nice(NICE)
    try:
        told = answer(json.load(sys.stdin))
    except ValueError as error:
        text = str(error)
        told = {'refused': f'No plan: {text[:300]}'}
    json.dump(told, sys.stdout)
    return 0


if __name__ == '__main__':
    sys.exit(main())
