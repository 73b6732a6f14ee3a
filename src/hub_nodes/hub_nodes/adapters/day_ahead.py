"""Day-ahead prices as JSON: Nord Pool's data portal, aWATTar, Tibber."""
from hub_nodes.adapters.series import FormatError, Prices, moment, number, obj, prices, read_json, rows_of

PER_MWH = 1e-3


def nord_pool(content: bytes, area: str) -> Prices:
    """Return one day of an area (`NO1`, `DK2`, `GER` …) from the data portal's DayAheadPrices. FormatError."""
    answer = read_json(content)
    rows = []
    for entry in rows_of(answer.get('multiAreaEntries'), 'multiAreaEntries'):
        found = obj(entry.get('entryPerArea'), 'entryPerArea')
        if area not in found:
            raise FormatError(f'no area {area!r}; there are {", ".join(map(str, list(found)[:12]))}')
        rows.append((moment(entry.get('deliveryStart')), moment(entry.get('deliveryEnd')), number(found[area])))
    return prices(rows, str(answer.get('currency')), PER_MWH)


def awattar(content: bytes) -> Prices:
    """Return what aWATTar's marketdata lists: milliseconds, Eur/MWh. FormatError."""
    rows = []
    for entry in rows_of(read_json(content).get('data'), 'data'):
        if entry.get('unit') != 'Eur/MWh':
            raise FormatError(f'a price in {str(entry.get("unit"))[:16]!r}')
        rows.append((number(entry.get('start_timestamp')) / 1e3, number(entry.get('end_timestamp')) / 1e3,
                     number(entry.get('marketprice'))))
    return prices(rows, 'EUR', PER_MWH)


def tibber(content: bytes) -> Prices:
    """Return today's and tomorrow's prices of Tibber's priceInfo (GraphQL): totals, with tax. FormatError.

    The answer to `{viewer{homes{currentSubscription{priceInfo{today{total startsAt currency} tomorrow{total startsAt
    currency}}}}}}`; of several homes the first with a subscription.
    """
    answer = read_json(content)
    if answer.get('errors'):
        first = rows_of(answer['errors'], 'errors')[:1]
        raise FormatError(f'the service says: {str(first[0].get("message") if first else "")[:120]}')
    viewer = obj(obj(answer.get('data'), 'data').get('viewer'), 'viewer')
    found = next((home['currentSubscription'] for home in rows_of(viewer.get('homes'), 'homes')
                  if isinstance(home.get('currentSubscription'), dict)), None)
    if found is None:
        raise FormatError('no home with a subscription')
    info = obj(found.get('priceInfo'), 'priceInfo')
    listed = rows_of(info.get('today'), 'today') + rows_of(info.get('tomorrow') or [], 'tomorrow')
    starts = [moment(entry.get('startsAt')) for entry in listed]
    if len(starts) < 2:
        raise FormatError(f'{len(starts)} prices')
    step = min(after - before for before, after in zip(starts, starts[1:], strict=False))
    rows = [(start, start + step, number(entry.get('total'))) for start, entry in zip(starts, listed, strict=True)]
    currencies = {str(entry.get('currency')) for entry in listed}
    if len(currencies) != 1:
        raise FormatError('two currencies')
    return prices(rows, currencies.pop(), 1.0, retail=True)


def nord_pool_url(day, area: str, currency: str) -> str:
    """Return where a day's prices are had; `day` is a date."""
    return (f'https://dataportal-api.nordpoolgroup.com/api/DayAheadPrices?date={day:%Y-%m-%d}&market=DayAhead'
            f'&deliveryArea={area}&currency={currency}')


def joined(first: Prices, second: Prices) -> Prices:
    """Return a day and the next one as one. FormatError where they do not fit."""
    if first.currency != second.currency:
        raise FormatError('two currencies')
    parts = [(part.start + k * part.step, part.start + (k + 1) * part.step, value)
             for part in (first, second) for k, value in enumerate(part.import_price.tolist())]
    return prices(parts, first.currency, 1.0, first.retail)
