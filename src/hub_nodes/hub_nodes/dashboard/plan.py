"""The plan page: prices, weather, forecasts with their spread, planned power, the battery, and each device's times."""
import math

from hub_nodes.dashboard import charts, values, words
from hub_nodes.dashboard.backend import Backend
from hub_nodes.dashboard.frame import Clockwork
from hub_nodes.dashboard.gantt import Gantt
from hub_nodes.dashboard.overview import HOUR, price_chart, show_prices, summary
from hub_nodes.dashboard.series import step_at
from hub_nodes.dashboard.what_if_card import WhatIf
from hub_nodes.dashboard.widgets import Chart, Fact, Tag, card


def build(backend: Backend, clockwork: Clockwork) -> None:
    """Make the plan page."""
    for part in (Summary(backend), Money(backend), Power(backend), Gantt(backend), WhatIf(backend),
                 Expected(backend), Ahead(backend)):
        clockwork.every(part.refresh)


class Summary:
    """What the plan comes to, and its weather."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        with Tag('section', css='card', aria_label='Summary'):
            Tag('h1', 'Plan')
            self._text = Tag('p', '')
            self._reasons = Tag('ul', css='reasons')
            with Tag('dl', css='facts'):
                self._made, self._until = Fact('Made'), Fact('Binds until')
                self._air, self._sun = Fact('Outside'), Fact('Sun')
        self._shown = None

    def refresh(self) -> None:
        now, model = self._backend.now(), self._backend.model
        plan, weather = model.latest(values.Plan), model.latest(values.Weather)
        self._text.say(summary(plan, now))
        self._made.say(words.clock(plan.stamp, now) if plan else words.DASH)
        self._until.say(words.clock(plan.valid_until, now) if plan else words.DASH)
        self._air.say(words.quantity(_now(weather, weather.air_temperature, now) if weather else None, '°C'))
        self._sun.say(words.quantity(_now(weather, weather.irradiance, now) if weather else None, 'W/m²', 0))
        reasons = plan.reasons if plan else ()
        if reasons != self._shown:
            self._shown = reasons
            self._reasons.clear()
            with self._reasons:
                for reason in reasons:
                    Tag('li', words.reason(reason))


def _now(series, row: tuple[float, ...], now: float) -> float | None:
    index = step_at(series, now)
    return row[index] if index is not None and index < len(row) else None


class Money:
    """Prices with the planned grid power."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        with card('Prices', hint='What a kilowatt hour costs and earns, and the power planned from the grid'):
            self._chart = price_chart(backend, 'chart')

    def refresh(self) -> None:
        show_prices(self._chart, self._backend)


class Power:
    """Planned power by source, and the battery's energy."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        with card('Planned power', hint='Grid: above zero is bought. Battery: above zero is charging.'):
            self._power = Chart(charts.plan_chart(), 'Planned power of grid, solar, battery and unplanned use, in '
                                'kilowatts', 'chart', 'No plan yet.')
        with card('Battery', hint='Energy in the battery as planned'):
            self._battery = Chart(charts.battery_chart(), 'Planned energy in the battery, in kilowatt hours',
                                  'chart small', 'No plan yet, or no battery.')

    def refresh(self) -> None:
        plan = self._backend.model.latest(values.Plan)
        self._power.draw(charts.plan_rows, plan)
        self._battery.draw(charts.battery_rows, plan)


class Ahead:
    """The weather the plan counts on."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        with card('Weather', hint='What the forecasts of use and sun go by'):
            self._chart = Chart(charts.weather_chart(), 'Temperature outside and sun of coming hours', 'chart small',
                                'No weather yet.')

    def refresh(self) -> None:
        weather = self._backend.model.latest(values.Weather)
        self._chart.draw(charts.weather_rows, weather, math.floor(self._backend.now() / HOUR) * HOUR)


class Expected:
    """Forecasts of load and sun, with their spread."""

    def __init__(self, backend: Backend) -> None:
        self._backend, self._parts = backend, {}
        for quantity, title, colour in (('load', 'Expected use', 'var(--load)'),
                                        ('pv', 'Expected sun', 'var(--solar)')):
            with card(title):
                note = Tag('p', '', 'hint')
                chart = Chart(charts.forecast_chart(title, colour), f'{title} of coming hours with its spread, in '
                              'kilowatts', 'chart small', 'No forecast yet.')
            self._parts[quantity] = (note, chart)

    def refresh(self) -> None:
        now = self._backend.now()
        for quantity, (note, chart) in self._parts.items():
            forecast = self._backend.model.forecast('home', quantity)
            note.say(f'Made at {words.clock(forecast.stamp, now)}. Method: {words.plain(forecast.method)}'
                     if forecast else '')
            chart.draw(charts.forecast_rows, forecast, math.floor(now / HOUR) * HOUR)
