"""Core values as messages and back."""
import math
from array import array

import numpy as np

from hearthgrid_core.grid_service import Ask, Entry, Kind, Opt, Prices, Status
from hearthgrid_msgs import msg
from hearthgrid_ros.time import LATEST, to_msg, to_seconds

ISSUER = 'grid_service'
KINDS = {
    Kind.LEVEL: msg.GridEvent.KIND_LEVEL, Kind.PRICE: msg.GridEvent.KIND_PRICE,
    Kind.IMPORT_LIMIT: msg.GridEvent.KIND_IMPORT_LIMIT, Kind.EXPORT_LIMIT: msg.GridEvent.KIND_EXPORT_LIMIT,
    Kind.DISPATCH: msg.GridEvent.KIND_DISPATCH, Kind.CHARGE: msg.GridEvent.KIND_CHARGE,
    Kind.EMERGENCY: msg.GridEvent.KIND_EMERGENCY}   # others, as export price and carbon, are of unknown kind
STATUS = {
    Status.FAR: msg.GridEvent.STATUS_FAR, Status.NEAR: msg.GridEvent.STATUS_NEAR,
    Status.ACTIVE: msg.GridEvent.STATUS_ACTIVE, Status.COMPLETED: msg.GridEvent.STATUS_COMPLETED,
    Status.CANCELLED: msg.GridEvent.STATUS_CANCELLED}
OPTS = {Opt.UNKNOWN: msg.GridEvent.OPT_UNKNOWN, Opt.IN: msg.GridEvent.OPT_IN, Opt.OUT: msg.GridEvent.OPT_OUT}
LEVELS = (msg.GridLimit.LEVEL_NORMAL, msg.GridLimit.LEVEL_MODERATE, msg.GridLimit.LEVEL_HIGH,
          msg.GridLimit.LEVEL_SPECIAL)


def events(entry: Entry, now: float, charge: float) -> list[msg.GridEvent]:
    """Return an event as messages, one a kind of signal. charge : power of the battery it asks, NaN = none [W]"""
    out = []
    for signal in entry.event.signals:
        interval = signal.at(now) or next((i for i in signal.intervals if i.start > now), signal.intervals[-1])
        value = interval.value
        if signal.kind is Kind.CHARGE:
            value = charge
        elif signal.kind is Kind.EMERGENCY or signal.kind not in KINDS:
            value = math.nan
        end = signal.intervals[-1].end
        out.append(msg.GridEvent(
            stamp=to_msg(now), id=entry.event.id, programme=_short(entry.event.programme, 64),
            kind=KINDS.get(signal.kind, msg.GridEvent.KIND_UNKNOWN), status=STATUS[entry.status], opt=OPTS[entry.opt],
            start=to_msg(signal.intervals[0].start), end=to_msg(0.0 if math.isinf(end) else end), value=value,
            reason=_short(entry.reason, 128)))
    return out


def limit(ask: Ask, now: float) -> msg.GridLimit:
    """Return what is asked; it ends with the last stamp there is where it has no end."""
    return msg.GridLimit(
        stamp=to_msg(now), event=ask.event[:64], start=to_msg(ask.start), end=to_msg(min(ask.end, float(LATEST))),
        level=LEVELS[ask.level], import_max=ask.import_max, export_max=ask.export_max, dispatch=ask.dispatch,
        charge=ask.charge)


def prices(series: Prices, now: float) -> msg.PriceSeries:
    """Return prices as this node's own word."""
    return msg.PriceSeries(
        stamp=to_msg(now), issuer=ISSUER, currency=series.currency, start=to_msg(series.start), step=series.step,
        import_price=_floats(series.import_price), export_price=_floats(series.export_price),
        carbon_intensity=_floats(series.carbon))


def base(message: msg.PriceSeries) -> Prices:
    """Return the prices of another. ValueError when they cannot be used."""
    carbon = np.asarray(message.carbon_intensity, dtype=float)
    return Prices(to_seconds(message.start), float(message.step), np.asarray(message.import_price, dtype=float),
                  np.asarray(message.export_price, dtype=float), carbon, message.currency)


def _floats(values: np.ndarray) -> array:
    return array('f', values.tolist())


def _short(text: str, length: int) -> str:
    """Return text of at most `length` bytes, as the message's bound counts them."""
    raw = text.encode()
    return text if len(raw) <= length else raw[:length - 3].decode(errors='ignore') + '…'
