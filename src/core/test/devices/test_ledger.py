"""Waste, in energy and money."""
import json
import math

import pytest

from hearthgrid_core.devices.ledger import EVERY, KEPT, Ledger


def lived(ledger, begin, seconds, power, **priced):
    for k in range(0, seconds, 60):
        ledger.add(begin + k + 60.0, 60.0, power, **priced)


def test_waste_is_what_was_above_the_base_or_a_constant_excess():
    ledger = Ledger()
    lived(ledger, 0.0, 3600, 50.0, price=0.2, currency='EUR')
    mark = ledger.mark(3600.0)
    lived(ledger, 3600.0, 7200, 150.0, price=0.5, currency='EUR')
    assert ledger.wasted(mark, 50.0, math.nan) == (pytest.approx(0.2, rel=0.06), pytest.approx(0.1, rel=0.06), 'EUR')
    assert ledger.wasted(mark, math.nan, 10.0)[0] == pytest.approx(0.02, rel=0.06)
    assert ledger.wasted(mark, 500.0, math.nan)[0] == 0.0


def test_without_a_price_there_is_no_money():
    ledger = Ledger()
    lived(ledger, 0.0, 3600, 100.0)
    energy, money, currency = ledger.wasted(ledger.mark(0.0), 0.0, math.nan)
    assert energy == pytest.approx(0.1, rel=0.1) and math.isnan(money) and currency == ''


def test_the_first_currency_counts():
    ledger = Ledger()
    lived(ledger, 0.0, 3600, 100.0, price=0.5, currency='EUR')
    before = ledger.wasted(ledger.mark(0.0), 0.0, math.nan)[1]
    lived(ledger, 3600.0, 3600, 100.0, price=50.0, currency='JPY')
    assert ledger.wasted(ledger.mark(0.0), 0.0, math.nan)[1:] == (pytest.approx(before), 'EUR')


def test_memory_is_bounded_and_older_times_take_the_oldest_mark():
    ledger = Ledger()
    lived(ledger, 0.0, int(KEPT) + 86400, 10.0)
    assert len(ledger._marks) == KEPT / EVERY and ledger.mark(-1.0) == ledger._marks[0]


def test_the_totals_are_kept():
    ledger = Ledger()
    mark = ledger.mark(0.0)
    lived(ledger, 0.0, 3600, 100.0, price=0.5, currency='EUR')
    again = Ledger.from_state(json.loads(json.dumps(ledger.state())))
    assert again.wasted(mark, 0.0, math.nan) == ledger.wasted(mark, 0.0, math.nan)
    assert Ledger.from_state(json.loads(json.dumps(Ledger().state()))).state() == Ledger().state()
