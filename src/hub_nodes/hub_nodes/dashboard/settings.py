"""Settings of the dashboard node."""
from dataclasses import dataclass

from hearthgrid_core.settings import check_bounds, setting
from hearthgrid_ros import params


@dataclass(frozen=True)
class DashboardSettings:
    """Where the page is, how lively it is, and how long a person's word holds."""

    host: str = setting('127.0.0.1', '', None, None, 'Address the page is served at.')
    port: int = setting(8420, '', 0, 65535, 'Port of the page; 0 takes any free one and says which.')
    allow_remote: bool = setting(False, '', None, None, 'Let other machines in, each person with a login. Needs a user '
                                 '(hearthgrid user add); give it a certificate too, or passwords travel in the clear.')
    certificate: str = setting('', '', None, None, 'PEM file of the certificate for HTTPS; empty: HTTP.')
    certificate_key: str = setting('', '', None, None, 'PEM file of its key, without a passphrase.')
    session_lifetime: float = setting(43200.0, 's', 300.0, 2678400.0, 'After so long a person has to log in again.')
    api_rate: float = setting(20.0, 'Hz', 0.1, 1000.0, 'Questions of one token or person that the interface answers.')
    page_rate: float = setting(10.0, 'Hz', 0.2, 10.0, 'How often an open page may change.')
    quiet_after: float = setting(5.0, 's', 1.5, 600.0, 'Without a reading for so long, an outlet counts as not heard.')
    clock_tolerance: float = setting(30.0, 's', 1.0, 86400.0, 'A reading stamped further from this clock is refused.')
    request_lifetime: float = setting(43200.0, 's', 60.0, 2678400.0, 'How long on or off, asked on the page, holds.')
    service_timeout: float = setting(5.0, 's', 0.5, 60.0, 'How long the page waits for an answer.')
    live_minutes: int = setting(15, 'min', 1, 240, 'Length of the live charts kept in memory.')
    home_file: str = setting('', '', None, None, 'The home file, for titles, rooms and the time zone; empty shows '
                             'outlets as they are heard, in this machine\'s zone.')
    home_source: str = setting('', '', None, None, 'The home file that an admin changes on the page, if it is another '
                               'than home_file.')
    state_dir: str = params.state_dir()
    keys_file: str = params.keys_file()

    def __post_init__(self) -> None:
        check_bounds(self)
        if not self.host:
            raise ValueError('host is empty; 127.0.0.1 is this machine')
