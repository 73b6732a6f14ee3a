"""What `notify` is made of: words, events, addresses, and the mailbox that tries again."""
import logging
from zoneinfo import ZoneInfo

import pytest
from builtin_interfaces.msg import Time

from hearthgrid_core.notify import Entry, Severity
from hearthgrid_msgs import msg
from hearthgrid_ros.home import HomeError, parse
from hearthgrid_ros.time import to_msg
from hub_nodes.notify import events, words
from hub_nodes.notify.mailbox import Mailbox
from hub_nodes.notify.post import Address, Addresses

INFO, WARNING, CRITICAL = Severity.INFO, Severity.WARNING, Severity.CRITICAL
SECRET = 'geheim4711'


def entry(id='a', severity=WARNING, **more):
    return Entry(id, severity, 'Kettle', 'hot', 0.0, **more)


# Words.


def test_a_message_says_when_what_and_how_to_acknowledge():
    text = words.body([entry('x', CRITICAL, repeated=True), entry(), entry('b', over=True)], ZoneInfo('Europe/Berlin'))
    assert text.splitlines() == ['1970-01-01 01:00 CRITICAL Kettle: hot (nobody has acknowledged it) [x]',
                                 '1970-01-01 01:00 WARNING Kettle: hot', '1970-01-01 01:00 OVER Kettle: hot']
    assert words.title([entry()]) == 'Hearthgrid: warning: Kettle'
    assert words.title([entry(over=True)]) == 'Hearthgrid: over: Kettle'
    assert words.title([entry('x', CRITICAL), entry()]) == 'Hearthgrid: 2 messages, 1 critical'
    assert words.severity([entry(), entry('x', CRITICAL, over=True)]) is WARNING


def test_strange_text_stays_in_its_line_and_length():
    evil = Entry('i', WARNING, 'a\nb\x1b[2J', 'x' * 5000, 1e300)
    text = words.body([evil] * 100, ZoneInfo('UTC'))
    assert len(text.splitlines()) == words.LINES + 1 and text.endswith('and 60 more')
    assert '\x1b' not in text and max(map(len, text.splitlines())) < 2 * words.LENGTH
    assert '\n' not in words.title([evil])


# Events.


def anomaly(**more):
    return msg.Anomaly(**{'id': 'i', 'outlet': 'kettle', 'severity': 2, 'status': 1, 'text': 'hot',
                          'stamp': to_msg(9.0)} | more)


@pytest.mark.parametrize('given, expected', [
    ({}, (WARNING, 'Kettle', 9.0, False)), ({'severity': 3}, (CRITICAL, 'Kettle', 9.0, False)),
    ({'severity': 0}, (WARNING, 'Kettle', 9.0, False)), ({'severity': 99}, (WARNING, 'Kettle', 9.0, False)),
    ({'since': to_msg(4.0)}, (WARNING, 'Kettle', 4.0, False)), ({'outlet': 'tv'}, (WARNING, 'tv', 9.0, False)),
    ({'outlet': ''}, (WARNING, 'home', 9.0, False)), ({'stamp': Time()}, (WARNING, 'Kettle', 10.0, False)),
    ({'status': 2, 'since': to_msg(4.0)}, (WARNING, 'Kettle', 9.0, True))])
def test_an_anomaly_is_news(given, expected):
    news = events.anomaly(anomaly(**given), 10.0, {'kettle': 'Kettle'})
    assert (news.severity, news.subject, news.time, news.over) == expected


@pytest.mark.parametrize('given', [{'id': ''}, {'status': 0}, {'status': 7}])
def test_an_anomaly_that_says_too_little_is_refused(given):
    with pytest.raises(ValueError):
        events.anomaly(anomaly(**given), 10.0, {})


def test_the_grid_is_gone_when_most_say_so():
    watch, Island = events.GridWatch(CRITICAL), msg.IslandMode
    course = [
        ('a', Island.MODE_GRID, True), ('b', Island.MODE_OUTAGE, None), ('b', Island.MODE_UNKNOWN, None),
        ('', Island.MODE_OUTAGE, None), ('c', Island.MODE_OUTAGE, False), ('c', Island.MODE_REGULATE, False),
        ('a', Island.MODE_REGULATE, False), ('b', Island.MODE_GRID, None), ('c', Island.MODE_GRID, True),
        ('a', Island.MODE_GRID, None)]
    for member, mode, over in course:
        news = watch.step(Island(member=member, mode=mode), 1.0)
        assert (news.over if news else None) is over
        assert news is None or news.severity is CRITICAL


def test_a_limit_begins_and_ends_with_its_time_or_its_word():
    def limit(event, level=1, start=0.0, end=0.0, cap=float('inf')):
        return msg.GridLimit(event=event, level=level, start=to_msg(start), end=to_msg(end), import_max=cap,
                             export_max=float('inf'), dispatch=float('nan'), charge=float('nan'))

    def said(now):
        return [('-' if news.over else '') + news.id for news in watch.step(now)]

    watch = events.LimitWatch()
    watch.resume(['limit:old', 'other'])
    assert said(0.0) == []
    watch.receive(limit('a', start=5.0, end=10.0, cap=2000.0))
    assert [said(t) for t in (1.0, 5.0, 6.0, 10.0, 11.0)] == [['-limit:old'], ['limit:a'], [], ['-limit:a'], []]
    watch.receive(limit('b', level=3))
    assert said(12.0) == ['limit:b']
    watch.receive(limit('c', cap=100.0))
    assert said(13.0) == ['-limit:b', 'limit:c']
    watch.receive(limit('', level=1))
    assert said(14.0) == ['-limit:c']
    assert events.limit_words(limit('c', cap=100.0)) == 'the utility asks: import at most 100 W'
    assert events.limit_words(limit('c', level=2)) == 'the utility asks: less power'


@pytest.mark.parametrize('status, stamp, severity', [
    (msg.Job.STATUS_DONE, 5000.0, INFO), (msg.Job.STATUS_MISSED, 5000.0, WARNING),
    (msg.Job.STATUS_RUNNING, 5000.0, None), (msg.Job.STATUS_CANCELLED, 5000.0, None),
    (msg.Job.STATUS_DONE, 1000.0, None)])
def test_a_job_is_news_when_it_ended_lately(status, stamp, severity):
    news = events.job(msg.Job(id='j', outlet='kettle', status=status, stamp=to_msg(stamp)), 5001.0, {})
    assert (news.severity if news else None) == severity
    assert news is None or news.passing


# Addresses.


def test_addresses_come_from_a_file_and_are_never_shown(tmp_path, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    path = tmp_path / 'addresses.yaml'
    addresses = Addresses(path)
    shown = [addresses.of('phone'), addresses.trouble]
    for text in (f'phone: json://u:{SECRET}@127.0.0.1:9/\nmail: nonsense://{SECRET}\nnumber: 4711\n'
                 f'bot: tgram://{SECRET}\npage: "json://[{SECRET}"',
                 f'- {SECRET}', f'phone: "json://{SECRET}\nb: {{', SECRET, f'a: &x {SECRET}\nb: *y'):
        path.write_text(text)
        shown += [addresses.trouble, *(str(addresses.of(name)) for name in ('phone', 'mail', 'number', 'bot', 'page')),
                  repr(vars(addresses))]
    path.write_bytes(b'phone: \xff' + SECRET.encode())
    shown += [str(addresses.of('phone')), addresses.trouble]
    path.write_text('x' * 200_000)
    shown += [str(addresses.of('phone')), addresses.trouble]
    for url in (f'json://{SECRET}:x:y@', f'discord://{SECRET}', f'mailto://{SECRET}'):
        try:
            shown.append(repr(Address(url)))
        except ValueError as error:
            shown.append(repr(error))
    out = capfd.readouterr()
    everything = '\n'.join(map(str, shown)) + caplog.text + out.out + out.err
    assert SECRET not in everything
    assert 'none that Apprise understands' in everything and 'is no text' in everything and 'line' in everything


def test_a_changed_file_is_read_again_and_an_open_one_is_told(tmp_path):
    path = tmp_path / 'addresses.yaml'
    addresses = Addresses(path)
    assert 'cannot be read' in addresses.of('phone')
    path.write_text('phone: json://127.0.0.1:9/')
    path.chmod(0o644)
    assert isinstance(addresses.of('phone'), Address) and 'chmod 600' in addresses.trouble
    path.chmod(0o600)
    assert isinstance(addresses.of('phone'), Address) and addresses.trouble == ''
    path.unlink()
    assert 'cannot be read' in addresses.of('phone')
    assert 'state_dir' in Addresses(None).of('phone')


# The home file.

HOME = 'outlets: [{id: kettle}]\nnotify:\n  channels:\n'


def test_the_home_file_has_channels():
    home = parse(HOME + '  - {name: phone, severity: critical, quiet: {start: "22:00", end: "7:00"}}\n')
    assert home.notify.channels[0].severity == 'critical' and parse(home.dump()) == home
    assert parse('outlets: [{id: kettle}]').notify is None


@pytest.mark.parametrize('row, reason', [
    (f'  - {{name: phone, url: "json://{SECRET}"}}', 'nothing is called so'),
    ('  - {name: a}\n  - {name: a}', 'one name'),
    ('  - {name: a, severity: loud}', 'severity'), ('  - {name: a, burst: 1}', 'burst')])
def test_mistakes_are_explained_without_the_secret(row, reason):
    with pytest.raises(HomeError, match=reason) as caught:
        parse(HOME + row)
    assert SECRET not in str(caught.value)


# The mailbox.


class Service:
    """Answers with what is set; runs in the caller's thread as far as the test can tell."""

    def __init__(self):
        self.outcome, self.got = '', []

    def send(self, entries):
        def call():
            self.got.append([e.id for e in entries])
            return self.outcome
        return call


def settled(box, service, now):
    """Step until no attempt is under way; return whether what waits changed."""
    changed = box.step(now, service.send)
    while box._attempt is not None:
        while not box._attempt.done:
            pass
        changed |= box.step(now, service.send)
    return changed


def test_a_failure_is_tried_again_more_and_more_slowly_and_then_all_goes_at_once():
    box, service = Mailbox('phone', 5.0, 12.0, 10), Service()
    box.add([entry()])
    service.outcome, tried = 'refused', []
    for now in range(60):
        before = len(service.got)
        settled(box, service, float(now))
        tried += [now] * (len(service.got) - before)
    assert tried == [0, 5, 15, 27, 39, 51] and box.trouble == 'refused' and len(box) == 1
    box.add([entry('b')])
    service.outcome = ''
    assert settled(box, service, 63.0) and service.got[-1] == ['a', 'b']
    assert (len(box), box.failures, box.sent, box.trouble) == (0, 0, 1, '')


def test_what_comes_while_a_delivery_is_under_way_is_not_lost():
    box, service = Mailbox('phone', 5.0, 10.0, 10), Service()
    box.add([entry()])
    box.step(0.0, service.send)
    box.add([entry(over=True)])
    settled(box, service, 0.0)
    assert service.got == [['a'], ['a']] and len(box) == 0


def test_each_id_waits_once_and_the_bound_gives_up_what_matters_least():
    box = Mailbox('phone', 5.0, 10.0, 3)
    box.add([entry('c', CRITICAL), entry('c', CRITICAL, repeated=True)])
    assert [row['repeated'] for row in box.state()] == [False]
    box.add([entry('w1'), entry('i', INFO), entry('w2'), entry('w3')])
    assert [row['id'] for row in box.state()] == ['c', 'w2', 'w3'] and box.given_up == 2
    box.add([entry('w2', over=True)])
    box.withdraw('w2')
    box.withdraw('c')
    assert [(row['id'], row['over']) for row in box.state()] == [('w3', False), ('w2', True)]
    other = Mailbox('phone', 5.0, 10.0, 3)
    other.restore(box.state())
    assert other.state() == box.state()


def test_without_an_address_it_waits_and_says_why():
    box = Mailbox('phone', 5.0, 10.0, 3)
    box.add([entry()])
    assert not box.step(0.0, lambda entries: 'no address')
    assert (box.trouble, box.failures, len(box)) == ('no address', 1, 1)
