"""What the home and this node are, in words, for the settings page."""
from hearthgrid_ros.home import Home
from hub_nodes.dashboard import words
from hub_nodes.dashboard.settings import DashboardSettings


def told(home: Home | None, settings: DashboardSettings) -> tuple[tuple[str, str], ...]:
    """Return names and values. No secret is among them."""
    home_facts = _home(home, settings.home_file) if home else (('Home file', 'none: outlets are as they are heard'),)
    return (*home_facts,
            ('Page', f'{settings.host}, {"HTTPS" if settings.certificate else "HTTP"}, '
                     f'{"other machines with a login" if settings.allow_remote else "this machine only"}'),
            ('A login holds', words.span(settings.session_lifetime)),
            ('On or off holds', words.span(settings.request_lifetime)),
            ('State folder', settings.state_dir or 'none: nothing is kept over a restart'))


def _home(home: Home, path: str) -> tuple[tuple[str, str], ...]:
    supply, tariff = home.supply, home.tariff
    fuse, sold = words.power(supply.import_max), words.money(tariff.sell, tariff.currency, 'kWh')
    bought = f'hourly prices and {words.money(tariff.fees, tariff.currency, "kWh")}' if tariff.kind == 'dynamic' else \
        ', '.join(f'{words.money(step.price, tariff.currency, "kWh")} from {step.start}' for step in tariff.buy)
    return (('Home file', path), ('Name', home.name), ('Time zone', home.timezone),
            ('Supply', f'{words.quantity(supply.voltage, "V", 0)}, {words.quantity(supply.frequency, "Hz", 0)}, '
                       f'fuse {fuse}'),
            ('Energy bought', bought), ('Energy sold', sold),
            ('Solar', words.power(home.pv.power_max) if home.pv else 'none'),
            *(_batteries(home) or (('Battery', 'none'),)),
            ('Outlets', str(len(home.outlets))),
            ('Plugs behind the gateway', str(len(home.gateway.plugs)) if home.gateway else 'none'),
            ('Channels', ', '.join(channel.name for channel in home.notify.channels) if home.notify else 'none'))


def _batteries(home: Home) -> tuple[tuple[str, str], ...]:
    return tuple((words.source(name), f'{words.quantity(one.capacity_kwh, "kWh")}, {words.power(one.power_max)}, '
                  f'{words.percent(one.reserve)} kept for outages') for name, one in home.stores.items())
