"""Which node speaks which row of the interface table: what SROS 2 policies are made from. A test compares the code.

Outlet-scoped rows: who says one says it to any outlet (`reading`, the outlet's own, apart), who hears or serves one
does so in its own namespace; the gateway does for its plugs.
"""

from dataclasses import dataclass

from hearthgrid_ros import interfaces as rows
from hearthgrid_ros.interfaces import Service, Topic


@dataclass(frozen=True)
class Speaks:
    """Rows of one kind of node. managed : it has the services of a lifecycle."""

    says: tuple[Topic, ...] = ()
    hears: tuple[Topic, ...] = ()
    serves: tuple[Service, ...] = ()
    asks: tuple[Service, ...] = ()
    managed: bool = False

    @property
    def rows(self) -> frozenset:
        """All of them."""
        return frozenset((*self.says, *self.hears, *self.serves, *self.asks))


OWN = (rows.ECHO,)  # outlet-scoped rows that are said in the own namespace
OUTLET_SERVES = (
    rows.GET_SCHEDULE, rows.SET_SCHEDULE, rows.SET_PRIORITY, rows.RESET_TRIP, rows.CAPTURE_WAVEFORM, rows.RUN_JOB)
HOME_TOPICS = tuple(row for row in rows.TOPICS if row.scope is rows.Scope.HOME)

SPEAKERS = {
    'outlet': Speaks(
        (rows.READINGS, rows.SIGNATURES, rows.WAVEFORMS, rows.STATES, rows.RELAYS, rows.JOBS, rows.ECHO,
         rows.IDENTITIES),
        (rows.ADC, rows.REQUEST, rows.TIE, rows.IDENTITIES, rows.LABELS), OUTLET_SERVES, managed=True),
    'consensus': Speaks(
        (rows.ISLAND, rows.BALLOTS, rows.SHARES, rows.INVERTER_SETPOINT, rows.REQUEST),
        (rows.ADC, rows.READINGS, rows.TIE, rows.BALLOTS, rows.SHARES, rows.STATES, rows.BATTERY, rows.FORECASTS)),
    'store': Speaks(
        (), (rows.READINGS, rows.ANOMALIES, rows.FORECASTS, rows.GRID_LIMIT, rows.IDENTITIES, rows.ISLAND, rows.JOBS,
             rows.LABELS, rows.PLAN, rows.PRICES, rows.SIGNATURES, rows.STATES, rows.TIE, rows.WEATHER, rows.AUDIT),
        (rows.GET_HISTORY, rows.GET_COSTS), managed=True),
    'identify': Speaks((rows.IDENTITIES,), (rows.SIGNATURES, rows.LABELS, rows.PERMITS), (rows.CORRECT_IDENTITY,)),
    'anomaly': Speaks(
        (rows.ANOMALIES,), (rows.PRICES, rows.READINGS, rows.SIGNATURES, rows.IDENTITIES, rows.STATES)),
    'forecast': Speaks(
        (rows.FORECASTS,), (rows.READINGS, rows.STATES, rows.PRICES, rows.WEATHER), (), (rows.GET_HISTORY,)),
    'markers': Speaks((rows.MARKERS,), (rows.READINGS, rows.STATES, rows.IDENTITIES, rows.BATTERY)),
    'voltage': Speaks(
        (rows.INVERTER_SETPOINT, rows.REGULATOR_SETPOINT), (rows.READINGS, rows.REGULATOR), managed=True),
    'plan': Speaks(
        (rows.PLAN, rows.INVERTER_SETPOINT, rows.REQUEST),
        (rows.BATTERY, rows.FORECASTS, rows.GRID_LIMIT, rows.JOBS, rows.PRICES, rows.READINGS, rows.STATES, rows.TIE),
        managed=True),
    'notify': Speaks(
        (), (rows.ANOMALIES, rows.ISLAND, rows.GRID_LIMIT, rows.JOBS, rows.PERMITS),
        (rows.ACKNOWLEDGE, rows.TEST_NOTIFICATION)),
    'gateway': Speaks(
        (rows.STATES, rows.READINGS, rows.REQUEST, rows.AUDIT), (rows.STATES, rows.READINGS, rows.TIE, rows.REQUEST)),
    'grid_service': Speaks(
        (rows.GRID_LIMIT, rows.GRID_EVENTS, rows.PRICES), (rows.READINGS, rows.BATTERY, rows.PERMITS),
        (rows.SET_OPT,),
        managed=True),
    'market': Speaks((rows.PRICES, rows.WEATHER)),
    'dashboard': Speaks(
        (rows.REQUEST, rows.AUDIT, rows.PERMITS),
        (rows.READINGS, rows.STATES, rows.IDENTITIES, rows.ANOMALIES, rows.PLAN, rows.FORECASTS, rows.PRICES,
         rows.WEATHER, rows.TIE, rows.ISLAND, rows.BATTERY, rows.WAVEFORMS, rows.JOBS, rows.AUDIT), (),
        (rows.ACKNOWLEDGE, rows.CAPTURE_WAVEFORM, rows.CORRECT_IDENTITY, rows.GET_COSTS, rows.GET_HISTORY,
         rows.GET_SCHEDULE, rows.RESET_TRIP, rows.SCRIPT_OUTAGE, rows.SET_PRIORITY, rows.SET_SCHEDULE,
         rows.TEST_NOTIFICATION, rows.RUN_JOB)),
    'world': Speaks(
        (rows.ADC, rows.READINGS, rows.TIE, rows.BATTERY, rows.PRICES, rows.WEATHER, rows.LABELS, rows.TRUTH,
         rows.REGULATOR),
        (rows.RELAYS, rows.INVERTER_SETPOINT, rows.REGULATOR_SETPOINT, rows.PERMITS),
        (rows.SCRIPT_OUTAGE, rows.PLUG_APPLIANCE)),
    # The command line and standard tools: they look, ask services, and switch nothing by topic.
    'tools': Speaks((rows.PERMITS,), (*HOME_TOPICS, rows.REQUEST, rows.ECHO, rows.DIAGNOSTICS), (),
                    tuple(row for row in rows.SERVICES if row.scope is rows.Scope.HOME)),
}
