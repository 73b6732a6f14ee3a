"""Where the page may be served, and who is let in."""
import socket
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_nodes.dashboard.server import Gate, WebServer, is_loopback, listen


@pytest.mark.parametrize('host, local', [
    ('127.0.0.1', True), ('127.8.9.1', True), ('localhost', True), ('::1', True), ('0.0.0.0', False), ('::', False),
    ('192.168.1.5', False), ('home.example', False), ('', False), ('127.0.0.1.example', False),
])
def test_what_is_this_machine(host, local):
    assert is_loopback(host) is local


@pytest.mark.parametrize('host', ['0.0.0.0', '192.168.1.5', '::', 'home.example'])
def test_an_address_the_network_reaches_needs_allow_remote(host):
    with pytest.raises(ValueError, match='make a user .* and set allow_remote'):
        listen(host, 0, False)


def test_with_allow_remote_it_may_be_any():
    listen('0.0.0.0', 0, True).close()


def test_a_port_in_use_is_said_with_the_way_out():
    with socket.socket() as other:
        other.bind(('127.0.0.1', 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ValueError, match=f'127.0.0.1:{port}: .*parameter port'):
            listen('127.0.0.1', port, False)


def test_port_zero_takes_a_free_one_and_says_which():
    listener = listen('127.0.0.1', 0, False)
    server = WebServer(None, listener)
    assert server.port > 0 and server.url == f'http://127.0.0.1:{server.port}/'
    assert server.stop()  # before it was started


@pytest.mark.parametrize('host, origin, remote, admitted', [
    ('127.0.0.1:8420', None,                       False, True),
    ('localhost:8420', 'http://localhost:8420',    False, True),
    ('[::1]:8420',     'http://[::1]:8420',        False, True),
    ('localhost',      None,                       False, True),
    ('evil.example',   None,                       False, False),   # a foreign name that resolves to this machine
    ('evil.example:8420', 'http://evil.example:8420', False, False),
    ('127.0.0.1:8420', 'http://evil.example',      False, False),   # another site in the same browser
    ('127.0.0.1:8420', 'http://127.0.0.1:9000',    False, False),   # another server of this machine
    ('127.0.0.1:8420', 'null',                     False, False),   # a sandboxed frame
    ('',               None,                       False, False),
    ('home.lan:8420',  'http://home.lan:8420',     True,  True),
    ('home.lan:8420',  'http://evil.example',      True,  False),
])
def test_who_is_let_in(host, origin, remote, admitted):
    assert Gate(None, remote).admits(host, origin) is admitted


@given(st.text(), st.text())
def test_no_header_breaks_the_gate_or_passes_as_another_site(host, origin):
    if Gate(None, False).admits(host, origin):
        assert origin.endswith(host)


def test_the_pages_files_are_part_of_the_package():
    static = resources.files('hub_nodes.dashboard').joinpath('static')
    assert {'style.css', 'page.js'} <= {file.name for file in static.iterdir()}
    assert 'http' not in static.joinpath('page.js').read_text()
    assert 'url(' not in static.joinpath('style.css').read_text()
