"""Where each kind of prices and weather is fetched, and by which parser it is read."""
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from hearthgrid_ros.home import Home
from hub_nodes.adapters import day_ahead, entsoe, open_meteo, table
from hub_nodes.adapters.series import FormatError, Prices, Weather

ENTSOE, AWATTAR = 'https://web-api.tp.entsoe.eu/api', 'https://api.awattar.de/v1/marketdata'
TIBBER = 'https://api.tibber.com/v1-beta/gql'
TIBBER_QUERY = '{viewer{homes{currentSubscription{priceInfo{today{total startsAt currency}' \
    'tomorrow{total startsAt currency}}}}}}'


@dataclass(frozen=True)
class Request:
    """One request. optional : its failure is no failure (tomorrow's prices come in the afternoon)"""

    url: str
    method: str = 'GET'
    query: dict = field(default_factory=dict)
    headers: dict = field(default_factory=dict)
    body: dict | None = None
    optional: bool = False


@dataclass(frozen=True)
class Source:
    """What to fetch at a moment (`requests(now)`), and how the answers are read; an optional one may be missing.

    name : the issuer of what is published
    """

    name: str
    requests: Callable[[float], list[Request]]
    read: Callable[[list[bytes]], Prices | Weather]


def price_source(home: Home) -> Source | None:
    """Return the home's source of prices, None = none."""
    facts, zone = home.market, ZoneInfo(home.timezone)
    kind, own = facts.prices, facts.prices_url

    def day(now: float, later: int):
        return datetime.fromtimestamp(now, zone).date() + timedelta(days=later)

    if kind == 'csv':
        return Source(kind, lambda now: [Request(own)], lambda got: table.prices(got[0], home.tariff.currency))
    if kind == 'awattar':
        return Source(kind, lambda now: [Request(own or AWATTAR)], lambda got: day_ahead.awattar(got[0]))
    if kind == 'tibber':
        return Source(kind, lambda now: [Request(own or TIBBER, 'POST', body={'query': TIBBER_QUERY}, headers={
            'authorization': f'Bearer {_token(facts.token_file)}'})], lambda got: day_ahead.tibber(got[0]))
    if kind == 'entsoe':
        def asked(now):
            start, end = (datetime.combine(day(now, later), datetime.min.time(), zone).astimezone(ZoneInfo('UTC'))
                          for later in (0, 2))
            return [Request(own or ENTSOE, query={
                'documentType': 'A44', 'in_Domain': facts.area, 'out_Domain': facts.area,
                'periodStart': f'{start:%Y%m%d%H%M}', 'periodEnd': f'{end:%Y%m%d%H%M}',
                'securityToken': _token(facts.token_file)})]
        return Source(kind, asked, lambda got: entsoe.parse(got[0]))
    if kind == 'nord_pool':
        def days(now):
            return [Request(own or day_ahead.nord_pool_url(day(now, later), facts.area, home.tariff.currency),
                            optional=later > 0) for later in ((0,) if own else (0, 1))]

        def read(got):
            parts = [day_ahead.nord_pool(content, facts.area) for content in got if content]
            return parts[0] if len(parts) == 1 else day_ahead.joined(*parts)
        return Source(kind, days, read)
    return None


def weather_source(home: Home) -> Source | None:
    """Return the home's source of weather, None = none."""
    facts = home.market
    if facts.weather == 'csv':
        return Source('csv', lambda now: [Request(facts.weather_url)], lambda got: table.weather(got[0]))
    if facts.weather == 'open_meteo':
        where = facts.weather_url or open_meteo.url(home.latitude, home.longitude)
        return Source('open_meteo', lambda now: [Request(where)], lambda got: open_meteo.parse(got[0]))
    return None


def _token(file: str) -> str:
    try:
        text = Path(file).read_text(encoding='utf-8').strip()
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError(f'the token cannot be read: {error}') from None
    if not text or not text.isprintable():
        raise FormatError('the token is no line of text')
    return text
