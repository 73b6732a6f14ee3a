"""Which setpoints are obeyed: a table of times and counters."""
import math

import pytest

from hearthgrid_core.sim.gate import Gate, Ticket

NOW = 1000.0


@pytest.mark.parametrize('stamp, expiry, obeyed', [
    (1000.0, 1060.0, True),
    (999.0, 1000.0, False),             # expired
    (1000.5, 1060.0, True),             # clocks differ a little
    (1002.0, 1060.0, False),            # from the future
    (985.0, 1060.0, False),             # held up on the way
    (math.nan, 1060.0, False),
    (1000.0, math.inf, False),
])
def test_times(stamp, expiry, obeyed):
    assert (Gate().refuse(NOW, Ticket('plan', stamp, expiry, 1, 1)) == '') is obeyed


@pytest.mark.parametrize('epoch, counter, obeyed', [
    (3, 8, True), (3, 7, False), (3, 6, False), (4, 1, True), (2, 99, False)])
def test_epoch_and_counter_rise(epoch, counter, obeyed):
    gate = Gate()
    assert gate.refuse(NOW, Ticket('plan', NOW, NOW + 60, 3, 7)) == ''
    assert (gate.refuse(NOW + 1, Ticket('plan', NOW + 1, NOW + 61, epoch, counter)) == '') is obeyed


def test_another_sender_counts_for_itself():
    gate = Gate()
    assert gate.refuse(NOW, Ticket('plan', NOW, NOW + 60, 3, 7)) == ''
    assert gate.refuse(NOW, Ticket('leader', NOW, NOW + 60, 1, 1)) == ''


def test_a_restarted_sender_is_heard_after_its_last_word_expired():
    gate = Gate()
    gate.refuse(NOW, Ticket('plan', NOW, NOW + 60, 3, 7))
    assert gate.refuse(NOW + 30, Ticket('plan', NOW + 30, NOW + 90, 1, 1))
    assert gate.refuse(NOW + 61, Ticket('plan', NOW + 61, NOW + 120, 1, 1)) == ''


def test_a_refused_command_is_not_remembered():
    gate = Gate()
    assert gate.refuse(NOW, Ticket('plan', NOW + 50, NOW + 60, 9, 9))
    assert gate.refuse(NOW, Ticket('plan', NOW, NOW + 60, 1, 1)) == ''


def test_an_older_leader_of_the_island_is_fenced_and_others_are_not():
    gate = Gate()
    new = Ticket('b', stamp=NOW, expiry=NOW + 60, epoch=2, counter=1, term=5)
    assert gate.refuse(NOW, new) == ''
    for epoch, term, refused in ((2, 4, True), (1, 9, True), (2, 5, False), (2, 6, False), (3, 1, False)):
        old = Ticket(f'{epoch}.{term}', stamp=NOW, expiry=NOW + 60, epoch=epoch, counter=1, term=term)
        assert ('later leader' in gate.refuse(NOW, old)) == refused
    assert gate.refuse(NOW, Ticket('plan', stamp=NOW, expiry=NOW + 60, epoch=1, counter=1)) == ''


def test_an_inverter_s_own_member_sets_its_references_before_anybody_else():
    gate = Gate()

    def said(sender, at, life=10.0, steers='battery'):
        return gate.refuse(at, Ticket(sender, at, at + life, 1, int(at), steers=steers))

    assert not said('voltage', NOW)
    assert not said('battery', NOW + 1)
    assert 'member of battery' in said('voltage', NOW + 2)
    assert not said('voltage', NOW + 2, steers='barn'), 'the other inverter is nobody\'s'
    assert not said('plan', NOW + 3, steers=''), 'what sets no reference passes'
    assert not said('battery', NOW + 4), 'nor is the member kept from its next word'
    assert said('voltage', NOW + 13.9) and not said('voltage', NOW + 14.1), 'until that has expired'
