"""The outlet's own shedding in an island: above every request, below protection, and told."""
import math

from hearthgrid_msgs import msg

Request, State, Breaker = msg.Request, msg.OutletState, msg.Breaker
# Two seconds of the relay's own dwell would do; a minute shows that an overload does not wait for it.
ISLAND = {'island_power': 4000.0, 'island_rate': 0.0, 'minimum_on_time': 60.0, 'minimum_off_time': 0.0,
          'island_return': 2.0, 'island_grace': 600.0, 'priority': 'comfort'}
FULL, OVER = 49.9, 49.0  # [Hz]: a fifth and twice of what the inverters give


def island(home, breaker: int = Breaker.STATE_OPEN) -> None:
    home.tie.publish(Breaker(state=breaker))
    wanted = {Breaker.STATE_OPEN: True, Breaker.STATE_CLOSED: False}.get(breaker)
    home.until(lambda: home.node._islanded is wanted)


def on(home) -> None:
    home.feed(4, frequency=FULL, current=2.0)
    home.state(lambda s: s.relay == State.RELAY_CLOSED)


def test_an_overload_opens_the_relay_at_once_and_the_state_says_why(bench):
    home = bench(**ISLAND)
    island(home)
    on(home)
    home.feed(3, frequency=OVER, current=2.0)
    state = home.state(lambda s: s.relay == State.RELAY_OPEN)
    assert state.reason.startswith('overload of the island: ') and state.voice == Request.VOICE_ISLAND
    assert state.power_max == 0.0 and state.features & State.FEATURE_ISLAND
    home.feed(10, frequency=FULL)
    assert home.last('states').relay == State.RELAY_OPEN     # three to five seconds by class
    home.feed(45, frequency=FULL)
    home.state(lambda s: s.relay == State.RELAY_CLOSED)


def test_a_request_cannot_hold_it_on_and_a_leaders_word_brings_it_back(bench):
    home = bench(**ISLAND | {'island_return': 600.0})
    island(home)
    on(home)
    for voice in (Request.VOICE_ISLAND, Request.VOICE_PERSON):
        home.ask(voice, 100.0, math.inf, term=voice == Request.VOICE_ISLAND)
    home.feed(3, frequency=OVER, current=2.0)
    home.state(lambda s: s.relay == State.RELAY_OPEN and s.reason.startswith('overload'))
    home.feed(10, frequency=FULL)
    home.ask(Request.VOICE_ISLAND, 0.0, 0.0, term=1)
    home.feed(10, frequency=FULL)
    assert home.last('states').relay == State.RELAY_OPEN     # the leader sheds it, too
    home.ask(Request.VOICE_ISLAND, 0.0, math.inf, term=1)
    home.feed(3, frequency=FULL)
    home.state(lambda s: s.relay == State.RELAY_CLOSED)


def test_on_the_grid_it_stays_on(bench):
    home = bench(**ISLAND)
    island(home, Breaker.STATE_CLOSED)
    on(home)
    home.feed(3, frequency=OVER, current=2.0)
    home.state(lambda s: s.relay == State.RELAY_CLOSED)
    assert not [s for s in home.heard['states'] if s.relay == State.RELAY_OPEN]
