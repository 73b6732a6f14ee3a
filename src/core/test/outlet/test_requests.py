"""Which requests are obeyed: the table of refusals, fencing, replay, authentication."""
import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthgrid_core.outlet import RULES, Refusal, Request, RequestBook, RequestSettings, Voice, authentic, pack, sign

NOW, NAN, INF = 1_800_000_000.0, math.nan, math.inf
GOOD = Request(Voice.PLAN, 'plan', epoch=5, counter=7, stamp=NOW, expiry=NOW + 900, power_min=0.0, power_max=500.0)


def change(**fields) -> Request:
    return dataclasses.replace(GOOD, **fields)


@pytest.mark.parametrize('fields, refusal', [
    ({}, None),
    ({'voice': Voice.PERSON, 'power_max': INF}, None),
    ({'expiry': NOW - 0.001}, Refusal.EXPIRED),
    ({'expiry': NOW}, None),                                    # "not obeyed after this"
    ({'stamp': NOW + 2.0}, None),                               # clocks differ a little
    ({'stamp': NOW + 2.1}, Refusal.FUTURE),
    ({'stamp': NOW - 10.0}, None),
    ({'stamp': NOW - 10.1}, Refusal.STALE),
    ({'stamp': NOW - 3600.0, 'expiry': NOW + 3600.0}, Refusal.STALE),
    ({'stamp': 0.0}, Refusal.STALE),                            # a field never set
    ({'expiry': 0.0}, Refusal.EXPIRED),
    ({'expiry': NAN}, Refusal.EXPIRED),
    ({'stamp': NAN}, Refusal.STALE),
    ({'expiry': NOW + 86401.0}, Refusal.TOO_LONG),
    ({'voice': Voice.ISLAND, 'expiry': NOW + 3601.0}, Refusal.TOO_LONG),
    ({'power_min': NAN}, Refusal.NOT_A_NUMBER),
    ({'power_min': 10.0, 'power_max': NAN}, Refusal.NOT_A_NUMBER),
    ({'power_min': 501.0}, Refusal.NO_BAND),
    ({'power_min': -1.0}, Refusal.NO_BAND),
    ({'power_min': INF, 'power_max': INF}, Refusal.NO_BAND),
    ({'voice': Voice.UNKNOWN}, Refusal.VOICE_UNKNOWN),
    ({'voice': 99}, Refusal.VOICE_UNKNOWN),
    ({'voice': Voice.PROTECTION}, Refusal.VOICE_PROTECTION),
    ({'voice': Voice.PROTECTION, 'power_min': NAN, 'expiry': 0.0}, Refusal.VOICE_PROTECTION),  # the first is said
])
def test_what_is_refused_and_why(fields, refusal):
    book = RequestBook(RequestSettings())
    assert book.receive(NOW, change(**fields)) is refusal
    assert len(book.words(NOW)) == (refusal is None)


@pytest.mark.parametrize('epoch, counter, refusal', [
    (5, 7, Refusal.REPLAYED),
    (5, 6, Refusal.REPLAYED),
    (4, 99, Refusal.REPLAYED),
    (5, 8, None),
    (6, 0, None),
])
def test_epoch_then_counter_must_rise(epoch, counter, refusal):
    book = RequestBook(RequestSettings())
    assert book.receive(NOW, GOOD) is None
    assert book.receive(NOW + 1, change(epoch=epoch, counter=counter, stamp=NOW + 1)) is refusal


def test_counters_belong_to_one_sender_and_one_voice():
    book = RequestBook(RequestSettings())
    for request in (GOOD, change(sender='other'), change(voice=Voice.PERSON)):
        assert book.receive(NOW, request) is None


def test_the_fence_holds_while_the_last_word_binds_and_its_copy_would_be_fresh():
    book = RequestBook(RequestSettings())
    book.receive(NOW, GOOD)
    late = change(epoch=1, counter=0, stamp=NOW + 900, expiry=NOW + 1800)
    assert book.receive(NOW + 900.0, late) is Refusal.REPLAYED
    assert book.receive(NOW + 900.1, late) is None                # a sender that lost its memory is believed again
    assert book.receive(NOW + 900.2, GOOD) is Refusal.EXPIRED     # but the old word is not


def island(sender: str, epoch: int = 1, term: int = 1, provisional: bool = False, **fields) -> Request:
    return change(voice=Voice.ISLAND, sender=sender, epoch=epoch, term=term, provisional=provisional, **fields)


@pytest.mark.parametrize('first, later, refusal', [
    ((6, 0), (5, 9), Refusal.FENCED), ((6, 3), (6, 2), Refusal.FENCED), ((6, 3), (6, 3), None), ((6, 3), (6, 4), None),
    ((6, 3), (7, 0), None)])
def test_an_older_leader_of_the_island_is_fenced_whoever_sends_it(first, later, refusal):
    book = RequestBook(RequestSettings())
    assert book.receive(NOW, island('new', *first)) is None
    assert book.receive(NOW, island('old', *later, power_max=0.0)) is refusal
    assert [word.band.power_max for word in book.words(NOW)] == [500.0 if refusal else 0.0]  # one leader, not both


def test_the_fence_holds_when_all_has_expired():
    book = RequestBook(RequestSettings())
    book.receive(NOW, island('new', 6, 3, expiry=NOW + 1))
    late = {'stamp': NOW + 9e4, 'expiry': NOW + 9e4 + 1}
    assert book.words(NOW + 9e4) == [] and not book.governed(NOW + 9e4)
    assert book.receive(NOW + 9e4, island('old', 6, 2, **late)) is Refusal.FENCED


@pytest.mark.parametrize('fields, refusal', [
    ({'power_max': 300.0}, None), ({'power_max': 500.0}, None), ({'power_max': 501.0}, Refusal.RAISES),
    ({'power_max': INF}, Refusal.RAISES), ({'power_max': NAN}, Refusal.RAISES),
    ({'power_min': 1.0, 'power_max': 300.0}, Refusal.RAISES), ({'power_max': 0.0, 'term': 0, 'epoch': 0}, None)])
def test_a_provisional_leader_may_only_reduce(fields, refusal):
    book = RequestBook(RequestSettings())
    book.receive(NOW, island('full', 6, 3))
    assert book.receive(NOW, island('alone', **{'provisional': True} | fields)) is refusal
    caps = [word.band.power_max for word in book.words(NOW)]
    assert caps[0] == (500.0 if refusal else fields['power_max'])
    book.receive(NOW, island('full', 6, 3, power_max=INF, counter=8))   # a majority is back: it replaces both
    assert [word.band.power_max for word in book.words(NOW)] == [INF]


def test_what_is_safe_without_a_leader_binds_a_provisional_one():
    book = RequestBook(RequestSettings())
    book.gate.safe = 0.0
    assert book.receive(NOW, island('alone', provisional=True)) is Refusal.RAISES


def test_the_newest_word_of_a_person_counts_and_provisional_leaders_compose():
    book = RequestBook(RequestSettings())
    book.receive(NOW, change(voice=Voice.PERSON, sender='page', power_max=0.0))
    book.receive(NOW, change(voice=Voice.PERSON, sender='phone', power_min=1.0, power_max=INF))
    for sender, cap in (('a', 900.0), ('b', 600.0), ('c', 300.0)):
        book.receive(NOW, island(sender, provisional=True, power_max=cap))
    words = book.words(NOW)
    assert [word.voice for word in words] == [Voice.ISLAND] * 3 + [Voice.PERSON]
    assert [word.band.power_max for word in words] == [300.0, 600.0, 900.0, INF]
    assert words[-1].band.on


@pytest.mark.parametrize('low', [0.0, NAN])
def test_nothing_asked_withdraws_and_is_fenced_like_any_word(low):
    book = RequestBook(RequestSettings())
    book.receive(NOW, GOOD)
    free = change(counter=8, power_min=low, power_max=NAN)
    assert book.receive(NOW, free) is None
    assert book.words(NOW) == []
    assert book.receive(NOW, GOOD) is Refusal.REPLAYED


def test_the_voices_it_is_deaf_to_are_kept_but_not_said():
    book = RequestBook(RequestSettings())
    book.receive(NOW, GOOD)
    assert book.words(NOW, deaf=(Voice.PLAN,)) == []
    assert len(book.words(NOW)) == 1


def test_a_crowd_of_senders_is_refused_until_some_are_forgotten():
    book = RequestBook(RequestSettings())
    for number in range(16):
        assert book.receive(NOW, change(sender=str(number), expiry=NOW + 20)) is None
    assert book.receive(NOW, change(sender='one more')) is Refusal.CROWDED
    assert book.receive(NOW + 21, change(sender='one more', stamp=NOW + 21)) is None


@given(st.floats(0.0, 900.0), st.floats(0.0, 2000.0))
def test_an_expired_request_is_never_obeyed(validity, later):
    book = RequestBook(RequestSettings())
    assert book.receive(NOW, change(expiry=NOW + validity)) is None
    assert bool(book.words(NOW + later)) == (NOW + later <= NOW + validity)


def packed(request: Request) -> bytes:
    return pack(int(request.stamp) * 10**9, int(request.expiry) * 10**9, request.voice, request.epoch,
                request.term, request.provisional, request.counter,
                request.power_min, request.power_max, request.reason, request.sender)


def signed(request: Request, key: bytes) -> Request:
    code = packed(request)
    return dataclasses.replace(request, packed=code, mac=sign(key, code))


@pytest.mark.parametrize('request_, refusal', [
    (GOOD, Refusal.UNSIGNED),
    (signed(GOOD, b'wrong key'), Refusal.FORGED),
    (signed(GOOD, b'key'), None),
    (dataclasses.replace(signed(GOOD, b'key'), packed=packed(change(power_max=9000.0))), Refusal.FORGED),
    (dataclasses.replace(signed(GOOD, b'key'), mac=b''), Refusal.UNSIGNED),
    (dataclasses.replace(signed(GOOD, b'key'), mac=sign(b'key', packed(GOOD))[:15]), Refusal.FORGED),
    (signed(change(voice=Voice.PROTECTION), b'key'), Refusal.VOICE_PROTECTION),
])
def test_with_a_key_only_its_holder_is_believed(request_, refusal):
    assert RequestBook(RequestSettings(), b'key').receive(NOW, request_) is refusal


@pytest.mark.parametrize('fields', [
    {'stamp': NOW + 1}, {'expiry': NOW + 1}, {'voice': Voice.PERSON}, {'epoch': 6}, {'counter': 8}, {'power_min': 1.0},
    {'term': 1}, {'provisional': True}, {'power_max': 499.0}, {'reason': 'x'}, {'sender': 'plam'},
    {'reason': 'pl', 'sender': 'an'}])
def test_every_field_is_under_the_code(fields):
    assert not authentic(b'key', packed(change(**fields)), sign(b'key', packed(GOOD)))


def test_the_code_is_the_same_on_every_machine():
    code = pack(1, 2, 3, 4, 9, True, 5, 6.0, INF, 'Grund: é', 'plan')
    assert code.hex() == ('6865617274686772696420726571756573742032' '0100000000000000' '0200000000000000' '03'
                          '04000000' '09000000' '01' '0500000000000000' '0000c040' '0000807f' '0900'
                          '4772756e643a20c3a9' '0400' '706c616e')
    assert sign(b'\x00' * 32, code).hex() == 'ec51d0fde8e5da00351e25e886c6bddb'


def test_what_a_person_asked_outlives_a_restart():
    book = RequestBook(RequestSettings())
    book.receive(NOW, GOOD)
    book.receive(NOW, change(voice=Voice.PERSON, power_min=1.0, power_max=INF))
    rows = book.to_list(Voice.PERSON)
    again = RequestBook(RequestSettings())
    again.restore(NOW + 1, rows)
    assert [(word.voice, word.band.on) for word in again.words(NOW + 1)] == [(Voice.PERSON, True)]
    assert again.receive(NOW + 1, change(voice=Voice.PERSON)) is Refusal.REPLAYED
    late = RequestBook(RequestSettings())
    late.restore(NOW + 901, rows)
    assert late.words(NOW + 901) == []


@pytest.mark.parametrize('rows', [[{}], [{'voice': 2}], ['x'], [{**dataclasses.asdict(GOOD), 'power_min': 1e9}],
                                  [{**dataclasses.asdict(GOOD), 'expiry': 'soon'}]])
def test_damaged_kept_requests_are_an_error(rows):
    with pytest.raises(ValueError, match='damaged'):
        RequestBook(RequestSettings()).restore(NOW, rows)


def test_every_refusal_has_a_rule():
    assert [refusal for refusal, _ in RULES] == list(Refusal)
