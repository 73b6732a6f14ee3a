"""Everything the overview shows as plain JSON: what `/api/status` answers. What is not known is null.

Power in [W], energy in [kWh], voltage in [V], current in [A], frequency in [Hz], time in seconds since the epoch [s],
probabilities and shares 0 … 1; signs are those of the messages.
"""
import math
from dataclasses import asdict

from hub_nodes.dashboard import values
from hub_nodes.dashboard.model import HomeModel
from hub_nodes.dashboard.views import OutletView


def plain(value):
    """Return `value` with every number that is none (NaN, infinity) as None, and tuples as lists."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return value


def as_plain(value) -> dict:
    """Return a value of the page as JSON takes it."""
    return plain(asdict(value))


def outlet(view: OutletView) -> dict:
    """Return one outlet."""
    return plain({
        'outlet': view.outlet, 'title': view.title, 'room': view.room, 'heard': view.heard, 'fresh': view.fresh,
        'power': view.power, 'wish': view.wish, 'planned': view.planned,
        'reading': asdict(view.reading) if view.reading else None,
        'state': asdict(view.state) if view.state else None,
        'identity': asdict(view.identity) if view.identity else None,
        'request': asdict(view.request) if view.request else None,
    })


def status(model: HomeModel, now: float) -> dict:
    """Return the whole home at `now` [s]."""
    home, plan, prices = model.home_state(now), model.latest(values.Plan), model.latest(values.Prices)
    raised, cleared = model.anomalies()
    return plain({
        'time': now,
        'home': {**asdict(home), 'tie': asdict(home.tie) if home.tie else None},
        'totals': asdict(model.totals(now)),
        'outlets': [outlet(view) for view in model.outlets(now)],
        'anomalies': [asdict(anomaly) for anomaly in raised],
        'cleared': [asdict(anomaly) for anomaly in cleared],
        'plan': asdict(plan) if plan else None,
        'prices': asdict(prices) if prices else None,
    })


def health(model: HomeModel, now: float) -> dict:
    """Return whether the page is alive and the home is heard."""
    views = model.outlets(now)
    return {'ok': True, 'time': now, 'home': model.home_state(now).kind, 'outlets': len(views),
            'heard': sum(view.fresh for view in views)}
