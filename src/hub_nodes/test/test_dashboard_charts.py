"""Rows of charts against what they are drawn from."""
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_nodes.dashboard import charts, when
from hub_nodes.dashboard.values import Forecast, History, Plan, Prices, Reading, Waveform

NOW = 1_000_000.0


@pytest.fixture(autouse=True)
def utc():
    when.use('UTC')
    yield
    when.use('')


def test_steps_end_where_the_last_one_ends():
    assert charts.steps(10.0, 5.0, (1.0, math.nan), 2.0) == [[10_000, 2.0], [15_000, None], [20_000, None]]
    assert charts.steps(10.0, 5.0, ()) == []


def test_live_rows_are_kilowatts_a_series():
    rows = charts.live_rows([(1.0, 1500.0, 1000.0, 500.0, math.nan), (2.0, 0.0, 0.0, 0.0, 0.0)])
    assert rows[0] == [[1000, 1.5], [2000, 0.0]] and rows[3] == [[1000, None], [2000, 0.0]] and len(rows) == 4


def test_prices_begin_with_the_step_that_holds():
    prices = Prices(NOW, 0.0, 3600.0, 'EUR', (1.0, 2.0, 3.0), ())
    rows = charts.price_rows(prices, None, since=5000.0)
    assert rows == [[[3_600_000, 2.0], [7_200_000, 3.0], [10_800_000, 3.0]], [], []]
    assert charts.price_rows(None, None, 0.0) == [[], [], []]


def test_planned_power_keeps_its_signs():
    plan = Plan(NOW, 0.0, 60.0, 60.0, grid_power=(-1000.0,), battery_power=(500.0,), pv_power=(2000.0,),
                base_load=(300.0,), battery_energy_kwh=(4.0,))
    assert [row[0][1] for row in charts.plan_rows(plan)] == [-1.0, 2.0, 0.5, 0.3]
    assert charts.battery_rows(plan) == [[[60_000, 4.0]]]
    assert charts.plan_rows(None) == [[], [], [], []] and charts.battery_rows(None) == [[]]


def test_a_forecasts_band_is_drawn_as_its_lower_edge_and_its_width():
    forecast = Forecast('load', 'home', NOW, 0.0, 60.0, 'x', (500.0,), (400.0,), (700.0,))
    assert [row[0][1] for row in charts.forecast_rows(forecast, 0.0)] == [0.5, 0.4, 0.3]


def test_a_histories_gap_stays_a_gap():
    history = History('a', 'active_power', 'W', (0.0, 60.0), (5.0, math.nan), (4.0, math.nan), (7.0, math.nan))
    assert charts.history_rows(history) == [[[0, value], [60_000, None]] for value in (5.0, 4.0, 3.0)]


@pytest.mark.parametrize('frequency, rate', [(50.0, 6400.0), (60.0, 7680.0)])
def test_a_waveform_shows_two_whole_cycles_and_the_picture_one(frequency, rate):
    at = np.arange(1280) / rate
    waveform = Waveform('a', NOW, rate, frequency, 325 * np.sin(2 * np.pi * frequency * at), np.cos(at))
    voltage, current = charts.waveform_rows(waveform)
    assert voltage[-1][0] == pytest.approx(2000 / frequency, abs=1e-3) and abs(voltage[-1][1]) < 1e-6
    assert len(voltage) == len(current) == 257
    (loop,) = charts.trajectory_rows(waveform)
    assert len(loop) == 129 and loop[0][0] == pytest.approx(loop[-1][0], abs=0.01)


def test_a_short_waveform_and_one_without_mains_are_shown_as_far_as_they_go():
    short = Waveform('a', NOW, 6400.0, math.nan, np.zeros(10), np.zeros(10))
    assert len(charts.waveform_rows(short)[0]) == 10 and len(charts.trajectory_rows(short)[0]) == 10


def test_harmonics_beyond_the_axis_are_left_out():
    (bars,) = charts.harmonics_rows(Reading('a', NOW, harmonics=tuple(range(40))))
    assert bars[0] == ['1', 0.0] and bars[-1] == ['21', 20.0]
    assert charts.harmonics_rows(None) == [[]]


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0, 2000.0, math.nan]), max_size=12))
def test_segments_are_the_steps_in_which_a_device_runs(power):
    found = charts.segments(power)
    running = {i for i, watts in enumerate(power) if watts >= 1.0}
    assert {i for first, last, _ in found for i in range(first, last)} == running
    assert all(last_a < first_b for (_, last_a, _), (first_b, _, _) in zip(found, found[1:], strict=False))
    assert all(mean == pytest.approx(np.mean(power[first:last])) for first, last, mean in found)


CHARTS = [charts.live_chart, charts.power_chart, charts.price_chart, charts.plan_chart, charts.battery_chart,
          charts.waveform_chart, charts.trajectory_chart, charts.harmonics_chart, charts.history_chart]


@pytest.mark.parametrize('make', CHARTS)
def test_every_axis_of_numbers_names_its_unit(make):
    chart = make()
    axes = [chart['xAxis'], *(chart['yAxis'] if isinstance(chart['yAxis'], list) else [chart['yAxis']])]
    assert all(axis['name'] for axis in axes if axis.get('type', 'value') == 'value')
    assert [series['id'] for series in chart['series']] == [str(i) for i in range(len(chart['series']))]
