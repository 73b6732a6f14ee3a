"""The home for Prometheus, at /metrics: base units, one series an outlet."""
import math
from collections.abc import Callable, Iterator

from fastapi import FastAPI
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from hub_nodes.dashboard import values
from hub_nodes.dashboard.api.caller import needs
from hub_nodes.dashboard.backend import Backend
from hub_nodes.dashboard.permitted import Permitted

JOULES = 3.6e6  # of a kilowatt-hour
OUTLET = (  # name, what, field of the reading
    ('power_watts', 'active power', 'active_power'), ('voltage_volts', 'RMS voltage', 'voltage'),
    ('current_amperes', 'RMS current', 'current'), ('power_factor', 'power factor', 'power_factor'),
    ('frequency_hertz', 'mains frequency', 'frequency'), ('temperature_celsius', 'contacts', 'temperature'),
    ('current_distortion_ratio', 'total harmonic distortion of the current', 'current_thd'))
HOME = (('load', 'load'), ('grid', 'grid'), ('solar', 'solar'), ('battery', 'battery'))
SEVERITIES = ('critical', 'warning', 'info')
MODES = ('waiting', 'quiet', 'grid', 'outage', 'island', 'unknown')


class Collector:
    """What Prometheus sees of a home. What is not known is left out."""

    def __init__(self, home: Backend) -> None:
        self._home = home

    def collect(self) -> Iterator[Metric]:
        now, model = self._home.now(), self._home.model
        views = model.outlets(now)
        for name, what, field in OUTLET:
            made = GaugeMetricFamily(f'hearthgrid_outlet_{name}', f'Of an outlet: {what}.', labels=['outlet'])
            for view in views:
                value = getattr(view.reading, field) if view.reading is not None and view.fresh else math.nan
                if math.isfinite(value):
                    made.add_metric([view.outlet], value)
            yield made
        energy = CounterMetricFamily('hearthgrid_outlet_energy_joules', 'Energy through an outlet.', labels=['outlet'])
        heard = GaugeMetricFamily('hearthgrid_outlet_heard', 'Whether an outlet is heard.', labels=['outlet'])
        closed = GaugeMetricFamily('hearthgrid_outlet_relay_closed', 'Whether a relay is closed.', labels=['outlet'])
        for view in views:
            heard.add_metric([view.outlet], float(view.fresh))
            if view.reading is not None and math.isfinite(view.reading.energy_kwh):
                energy.add_metric([view.outlet], view.reading.energy_kwh * JOULES)
            if view.state is not None and view.state.relay in ('open', 'closed'):
                closed.add_metric([view.outlet], float(view.state.relay == 'closed'))
        yield from (energy, heard, closed)
        totals = model.totals(now)
        power = GaugeMetricFamily('hearthgrid_home_power_watts', 'Load; grid (import), solar (production), battery '
                                  '(charging) are positive as said.', labels=['source'])
        for label, field in HOME:
            value = getattr(totals, field)
            if value is not None and math.isfinite(value):
                power.add_metric([label], value)
        yield power
        stored = GaugeMetricFamily('hearthgrid_battery_power_watts', 'Positive is charging.', labels=['battery'])
        charge = GaugeMetricFamily('hearthgrid_battery_charge_ratio', 'State of charge.', labels=['battery'])
        for store in totals.batteries:
            for family, value in ((stored, store.power), (charge, store.charge)):
                if math.isfinite(value):
                    family.add_metric([store.name], value)
        yield from (stored, charge)
        price = GaugeMetricFamily('hearthgrid_price_per_kwh', 'Price of energy now.', labels=['direction', 'currency'])
        for direction, value in (('import', totals.import_price), ('export', totals.export_price)):
            if math.isfinite(value):
                price.add_metric([direction, totals.currency], value)
        yield price
        raised = model.anomalies()[0]
        anomalies = GaugeMetricFamily('hearthgrid_anomalies', 'Anomalies that are raised.', labels=['severity'])
        for severity in SEVERITIES:
            anomalies.add_metric([severity], sum(one.severity == severity for one in raised))
        yield anomalies
        kind = model.home_state(now).kind
        mode = GaugeMetricFamily('hearthgrid_home_mode', '1 for where the home stands.', labels=['mode'])
        for one in MODES:
            mode.add_metric([one], float(one == kind))
        yield mode
        plan = model.latest(values.Plan)
        if plan is not None:
            yield GaugeMetricFamily('hearthgrid_plan_age_seconds', 'Since the plan was made.', value=now - plan.stamp)


def add_metrics(app: FastAPI, home_for: Callable[..., Permitted]) -> None:
    """Add /metrics."""
    Home = needs('read', home_for)  # noqa: N806

    @app.get('/metrics', include_in_schema=False)
    def metrics(home: Home) -> Response:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(Collector(home))
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
