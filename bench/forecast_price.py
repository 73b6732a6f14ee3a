"""Day-ahead prices of two markets: our autoregression, recalibrated for each day, beside the published LEAR and DNN.

EPF data of Nord Pool and Germany (Lago et al. 2021): two years of prices with the forecasts published for them. Those
were made with four years before and with day-ahead forecasts of load, wind and sun, which the files do not hold: ours
has the prices of the files alone, and what came before the day. The first year is for calibration (and was the year of
development); scores are of each `STRIDE`th (3rd; never a multiple of 7) day of the second, for all columns alike.
`with published forecasts as input`: the same model, given the LEAR 56 and DNN 1 columns as a home would a forecast it
subscribes to.
"""
import os
from collections.abc import Callable
from datetime import timezone

import numpy as np
import pandas as pd

from hearthgrid.benchmark import Result, recordings
from hearthgrid_core.forecast import (
    DAY,
    PRICE,
    Forecaster,
    ForecastSettings,
    Series,
    coverage,
    pinball_loss,
)
from hearthgrid_core.forecast.lear import lear

NAME = 'forecast-price'
STRIDE = int(os.environ.get('STRIDE', '3'))
FIRST = 364             # day of the files on which the test begins
HOURS = 24
MARKETS = {'NP': 'epf_np', 'DE': 'epf_de'}
GIVEN = ('LEAR 56', 'DNN 1')
RETRAINED = 28          # days between two trials, which give the spread
GOAL_NAIVE, GOAL_LEAR = 0.55, 1.10
SETTINGS = ForecastSettings(step=3600.0, horizon=DAY, memory=400 * DAY)


def run(progress: Callable[[str], None]) -> list[Result]:
    """Measure; about a minute."""
    rows = []
    for market, file in MARKETS.items():
        table = pd.read_parquet(recordings() / 'prices' / f'{file}.parquet').astype(float)
        prices = table.price.to_numpy().reshape(-1, HOURS)
        start = table.index[0].replace(tzinfo=timezone.utc).timestamp()     # market time, taken as UTC
        given = np.stack([table[name].to_numpy() for name in GIVEN])
        days = np.arange(FIRST, len(prices), STRIDE)
        made, helped, spread = [], [], []
        forecaster, trained = Forecaster(SETTINGS, PRICE), -RETRAINED
        for day in days:
            progress(f'{market}, day {day}')
            past = prices[:day].ravel()
            if day - trained >= RETRAINED:
                forecaster.train(Series(start, 3600.0, past))
                trained = day
            forecast = forecaster.tried(Series(start, 3600.0, past))
            made.append(forecast.mean)
            spread.append((forecast.lower, forecast.upper))
            scaled = np.arcsinh((given[:, :len(past) + HOURS] - np.median(past)) / past.std())
            helped.append(lear(past, HOURS, HOURS, scaled, start + DAY * day))
        rows += _rows(market, prices, table, days, np.array(made), np.array(helped), np.array(spread))
    return rows


def _rows(market: str, prices: np.ndarray, table: pd.DataFrame, days: np.ndarray, made: np.ndarray, helped: np.ndarray,
          spread: np.ndarray) -> list[Result]:
    actual = prices[days]

    def error(forecast: np.ndarray) -> float:
        return float(np.abs(forecast - actual).mean())

    published = {name: error(table[f'{name} Ensemble'].to_numpy().reshape(-1, HOURS)[days]) for name in ('LEAR', 'DNN')}
    ours, naive, yesterday = error(made), error(prices[days - 7]), error(prices[days - 1])
    lower, upper = spread[:, 0], spread[:, 1]
    pinball = float(np.mean([pinball_loss(actual, q, level) for q, level in ((lower, 0.1), (made, 0.5), (upper, 0.9))]))
    unit = 'EUR/MWh'
    return [
        Result(f'{market}: mean absolute error against naive week', ours, unit, naive, 'same day last week',
               GOAL_NAIVE, ours / naive, '≥ 45 % less', ours <= GOAL_NAIVE * naive),
        Result(f'{market}: mean absolute error against LEAR', ours, unit, published['LEAR'], 'published LEAR',
               GOAL_LEAR, ours / published['LEAR'], 'within 10 %', ours <= GOAL_LEAR * published['LEAR']),
        Result(f'{market}: mean absolute error against DNN', ours, unit, published['DNN'], 'published DNN',
               ratio=ours / published['DNN'], goal='told'),
        Result(f'{market}: mean absolute error against yesterday', ours, unit, yesterday, 'same hour yesterday',
               ratio=ours / yesterday, goal='told'),
        Result(f'{market}: with published forecasts as input', error(helped), unit, published['LEAR'], 'published LEAR',
               ratio=error(helped) / published['LEAR'], goal='told'),
        Result(f'{market}: pinball loss', pinball, unit, goal='told'),
        Result(f'{market}: coverage of 10 … 90 %', 100 * coverage(actual, lower, upper), '%', goal='80 %')]
