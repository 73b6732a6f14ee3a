"""Day-ahead prices of the ENTSO-E transparency platform: Publication_MarketDocument (A44) as XML.

Source: ENTSO-E, Transparency Platform RESTful API user guide; IEC 62325-451-3. Curve type A03: a position that is left
out has the value of the one before.
"""
import re

from lxml import etree

from hub_nodes.adapters.series import FormatError, Prices, moment, prices

RESOLUTIONS = {'PT15M': 900.0, 'PT30M': 1800.0, 'PT60M': 3600.0, 'PT1H': 3600.0}
POINTS_MAX = 2000       # of a period


def parse(content: bytes) -> Prices:
    """Return the prices; of several resolutions for one time the finer ones. FormatError."""
    tree = _tree(content)
    name = etree.QName(tree).localname
    if name == 'Acknowledgement_MarketDocument':
        raise FormatError(f'the platform says: {_text(tree, "Reason", "text")[:160]}')
    if name != 'Publication_MarketDocument':
        raise FormatError(f'a document called {name[:60]}')
    found: dict[float, list[tuple[float, float, float]]] = {}
    currency = ''
    for series in _all(tree, 'TimeSeries'):
        unit = _text(series, 'price_Measure_Unit.name')
        if unit != 'MWH':
            raise FormatError(f'a price for a {unit[:16]!r}')
        said = _text(series, 'currency_Unit.name')
        if currency and said != currency:
            raise FormatError('two currencies')
        currency = said
        for period in _all(series, 'Period'):
            step, rows = _period(period)
            found.setdefault(step, []).extend(rows)
    if not found:
        raise FormatError('no prices')
    return prices(found[min(found)], currency, 1e-3)


def _period(period) -> tuple[float, list[tuple[float, float, float]]]:
    interval = _one(period, 'timeInterval')
    start, end = moment(_text(interval, 'start')), moment(_text(interval, 'end'))
    step = RESOLUTIONS.get(_text(period, 'resolution'))
    if step is None:
        raise FormatError(f'a resolution of {_text(period, "resolution")[:16]!r}')
    count = round((end - start) / step)
    if not 0 < count <= POINTS_MAX:
        raise FormatError(f'a period of {count} points')
    points: dict[int, float] = {}
    for point in _all(period, 'Point'):
        try:
            position, amount = int(_text(point, 'position')), float(_text(point, 'price.amount'))
        except ValueError:
            raise FormatError('a point without numbers') from None
        if not 1 <= position <= count or position in points:
            raise FormatError(f'a point at position {position} of {count}')
        points[position] = amount
    if 1 not in points:
        raise FormatError('a period without its first point')
    rows, value = [], 0.0
    for position in range(1, count + 1):
        value = points.get(position, value)
        rows.append((start + (position - 1) * step, start + position * step, value))
    return step, rows


def _tree(content: bytes):
    if re.search(rb'<!\s*(DOCTYPE|ENTITY)', content) or b'\0' in content:
        raise FormatError('a document type, which the platform does not use')
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        return etree.fromstring(content, parser)
    except (etree.LxmlError, ValueError) as error:
        raise FormatError(f'no XML: {str(error)[:120]}') from None


def _all(element, name: str) -> list:
    """Return the children of that name, in whichever version's namespace."""
    return element.findall(f'{{*}}{name}')


def _one(element, *path: str):
    for name in path:
        found = element.find(f'{{*}}{name}')
        if found is None:
            raise FormatError(f'no {name}')
        element = found
    return element


def _text(element, *path: str) -> str:
    return (_one(element, *path).text or '').strip()
