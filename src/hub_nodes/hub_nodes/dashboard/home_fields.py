"""What of the home file a person changes on the page: fields of its parts, and rows of its lists."""
from dataclasses import dataclass

TEXT, NUMBER, CHOICE, SWITCH = 'text', 'number', 'choice', 'switch'
STEPS, RULES, SPAN, WORDS, POINT = 'steps', 'rules', 'span', 'words', 'point'  # texts of a form of their own
ANY, SECRET = 'any', 'secret'  # whatever YAML knows; what is taken, kept elsewhere and never shown


@dataclass(frozen=True)
class Field:
    """What a person may change. part : of the file, '' = the home itself.  unit : of what the file holds.

    more : of a row, shown when asked for.
    """

    part: str
    name: str
    label: str
    kind: str = TEXT
    choices: tuple[str, ...] = ()
    unit: str = ''
    more: bool = False

    @property
    def place(self) -> str:
        """Its name in the form."""
        return f'{self.part}.{self.name}' if self.part else self.name


@dataclass(frozen=True)
class Table:
    """A list of the file. columns : of its rows, the first names a row and takes it out when emptied."""

    part: str
    title: str
    one: str
    hint: str
    columns: tuple[Field, ...]

    @property
    def key(self) -> str:
        """The column that names a row."""
        return self.columns[0].name


PRIORITIES = ('comfort', 'deferrable', 'essential', 'safety', 'refrigeration', 'medical')
FAMILIES = ('tasmota', 'shelly', 'zigbee2mqtt', 'esphome', 'zwave')
GROUPS = (  # of fields: part of the file, title, hint
    ('', 'The home', ''), ('supply', 'Connection', ''), ('tariff', 'Tariff', ''), ('pv', 'Solar', ''),
    ('battery', 'Battery', ''),
    ('market', 'Prices and weather from', 'Services of the internet; both empty: from nowhere.'),
    ('grid_service', 'The utility', 'Its OpenADR server may ask the home to use less. Files are PEM.'),
    ('gateway', 'Plugs of other makes', 'The MQTT broker they speak to, over TLS. Files are PEM.'),
    ('notify', 'Messages', 'Who is told stands below, in Channels.'),
)
FIELDS = (
    Field('', 'name', 'Name, in small letters'), Field('', 'timezone', 'Time zone'),
    Field('', 'latitude', 'Latitude', NUMBER, unit='°'), Field('', 'longitude', 'Longitude', NUMBER, unit='°'),
    Field('supply', 'voltage', 'Mains voltage', NUMBER, unit='V'),
    Field('supply', 'frequency', 'Mains frequency', CHOICE, ('50', '60'), 'Hz'),
    Field('supply', 'import_max', 'Main fuse', NUMBER, unit='W'),
    Field('supply', 'export_max', 'Most that may be sold', NUMBER, unit='W'),
    Field('supply', 'resistance', 'Resistance of the service line', NUMBER, unit='Ω'),
    Field('supply', 'reactance', 'Reactance of the service line', NUMBER, unit='Ω'),
    Field('tariff', 'kind', 'Price, by the hour (dynamic) or steps of a day (daily)', CHOICE, ('dynamic', 'daily')),
    Field('tariff', 'currency', 'Currency, e.g. EUR'),
    Field('tariff', 'fees', 'Added to an hourly price', NUMBER, unit='currency/kWh'),
    Field('tariff', 'buy', 'Daily prices, e.g. 00:00 0.25, 06:00 0.32', STEPS),
    Field('tariff', 'sell', 'Paid for what is sold', NUMBER, unit='currency/kWh'),
    Field('pv', 'power_max', 'Solar panels, empty = none', NUMBER, unit='W'),
    Field('battery', 'capacity_kwh', 'Battery holds, empty = none', NUMBER, unit='kWh'),
    Field('battery', 'power_max', 'Battery gives and takes', NUMBER, unit='W'),
    Field('battery', 'reserve', 'Kept for outages, 0 to 0.9', NUMBER, unit='share'),
    Field('battery', 'efficiency', 'Efficiency one way', NUMBER, unit='share'),
    Field('battery', 'wear_price', 'Wear', NUMBER, unit='currency/kWh'),
    Field('battery', 'grid_forming', 'Feeds the home in an outage', SWITCH),
    Field('battery', 'initial', 'Charge as a simulation starts', NUMBER, unit='share'),
    Field('market', 'prices', 'Prices', CHOICE, ('', 'entsoe', 'nord_pool', 'awattar', 'tibber', 'csv')),
    Field('market', 'area', 'Price area, of entsoe and nord_pool'),
    Field('market', 'token_file', 'File of the token, of entsoe and tibber'),
    Field('market', 'prices_url', 'Address of prices, of csv'),
    Field('market', 'weather', 'Weather', CHOICE, ('', 'open_meteo', 'csv')),
    Field('market', 'weather_url', 'Address of weather, of csv'),
    Field('grid_service', 'url', 'Address, empty = none'),
    Field('grid_service', 'protocol', 'Protocol', CHOICE, ('openadr2b', 'openadr3')),
    Field('grid_service', 'ven_name', 'Name of this home there'),
    Field('grid_service', 'ven_id', 'Id of this home there, empty = given (2.0b)'),
    Field('grid_service', 'certificate', 'File of our certificate'),
    Field('grid_service', 'key', 'File of its key'),
    Field('grid_service', 'authority', 'File of who signed theirs, empty = the system\'s'),
    Field('grid_service', 'fingerprint', 'Fingerprint of theirs, empty = not checked (2.0b)'),
    Field('grid_service', 'client_id', 'Client id (3.1)'),
    Field('grid_service', 'secret_file', 'File of the client secret (3.1)'),
    Field('grid_service', 'programmes', 'Programmes, with commas, empty = all (3.1)', WORDS),
    Field('grid_service', 'poll', 'Asked every (2.0b)', NUMBER, unit='s'),
    Field('gateway', 'host', 'Broker, empty = none'), Field('gateway', 'port', 'Port', NUMBER),
    Field('gateway', 'ca', 'File of who signed its certificate'),
    Field('gateway', 'certificate', 'File of our certificate'), Field('gateway', 'key', 'File of its key'),
    Field('gateway', 'base', 'Our topics begin with'),
    Field('gateway', 'discovery', 'Home Assistant prefix, empty = not announced'),
    Field('notify', 'addresses', 'File of addresses, empty = in the state folder'),
)
OUTLETS = Table('outlets', 'Outlets', 'outlet', 'Empty the id of one to take it out.', (
    Field('outlets', 'id', 'Id'), Field('outlets', 'title', 'Name'), Field('outlets', 'room', 'Room'),
    Field('outlets', 'priority', 'In an outage', CHOICE, PRIORITIES),
    Field('outlets', 'appliance', 'Appliance'),
    Field('outlets', 'always_on', 'Always on', SWITCH),
    Field('outlets', 'deferrable', 'Takes jobs', SWITCH),
    Field('outlets', 'schedule', 'Schedule, e.g. mon-fri 22:00-06:00 off; daily 12:00-14:00 on 500 W', RULES,
          more=True),
    Field('outlets', 'rank', 'Rank within its class, higher = shed sooner', NUMBER, more=True),
    Field('outlets', 'throttleable', 'Its power can be capped', SWITCH, more=True),
    Field('outlets', 'voter', 'Votes for the leader of the micro-grid', SWITCH, more=True),
    Field('outlets', 'minimum_on', 'On for at least', NUMBER, unit='s', more=True),
    Field('outlets', 'minimum_off', 'Off for at least', NUMBER, unit='s', more=True),
    Field('outlets', 'line_length', 'Wire to the board', NUMBER, unit='m', more=True),
    Field('outlets', 'position', 'Position x, y, z', POINT, unit='m', more=True),
))
BATTERIES = Table('batteries', 'Further batteries', 'battery', 'With inverters of their own. Empty the name of one to '
                  'take it out.', (
    Field('batteries', 'name', 'Name, small letters'),
    Field('batteries', 'capacity_kwh', 'Holds', NUMBER, unit='kWh'),
    Field('batteries', 'power_max', 'Gives and takes', NUMBER, unit='W'),
    Field('batteries', 'reserve', 'Kept for outages', NUMBER, unit='share'),
    Field('batteries', 'grid_forming', 'Feeds the home in an outage', SWITCH, more=True),
    Field('batteries', 'efficiency', 'Efficiency one way', NUMBER, unit='share', more=True),
    Field('batteries', 'wear_price', 'Wear', NUMBER, unit='currency/kWh', more=True),
    Field('batteries', 'initial', 'Charge as a simulation starts', NUMBER, unit='share', more=True),
))
CHANNELS = Table('notify.channels', 'Channels', 'channel', 'Who is told, and how. An address, e.g. '
                 'ntfy://ntfy.sh/our-home or mailto://…, is a secret: it is kept in a file of its own and not shown '
                 'again. Empty the name of one to take it out.', (
    Field('notify.channels', 'name', 'Name, small letters'),
    Field('notify.channels', 'address', 'Address', SECRET),
    Field('notify.channels', 'severity', 'Told from', CHOICE, ('info', 'warning', 'critical')),
    Field('notify.channels', 'quiet', 'Quiet, e.g. 22:00-07:00', SPAN),
    Field('notify.channels', 'group_time', 'News within it goes in one message', NUMBER, unit='s', more=True),
    Field('notify.channels', 'repeat_time', 'Critical news again after', NUMBER, unit='s', more=True),
    Field('notify.channels', 'hourly', 'Messages in the long run', NUMBER, unit='an hour', more=True),
    Field('notify.channels', 'burst', 'Messages at once', NUMBER, more=True),
))
PLUGS = Table('gateway.plugs', 'Plugs behind the broker', 'plug', 'Each becomes an outlet. They need the broker above. '
              'Empty the id of one to take it out.', (
    Field('gateway.plugs', 'id', 'Id'), Field('gateway.plugs', 'family', 'Make', CHOICE, FAMILIES),
    Field('gateway.plugs', 'topic', 'Topic'), Field('gateway.plugs', 'title', 'Name'),
    Field('gateway.plugs', 'room', 'Room'), Field('gateway.plugs', 'priority', 'In an outage', CHOICE, PRIORITIES),
    Field('gateway.plugs', 'endpoint', 'Which switch of it', more=True),
    Field('gateway.plugs', 'minimum_on', 'On for at least', NUMBER, unit='s', more=True),
    Field('gateway.plugs', 'minimum_off', 'Off for at least', NUMBER, unit='s', more=True),
))
NODES = Table('nodes', 'Settings of the programs', 'setting', 'For who knows what they do: the program and its '
              'setting, e.g. plan.period, for one outlet kettle/outlet.echo. Empty one to go back to its default.', (
    Field('nodes', 'name', 'Setting'), Field('nodes', 'value', 'Value', ANY),
))
TABLES = (OUTLETS, BATTERIES, CHANNELS, PLUGS, NODES)
# Parts a home may lack: with these fields empty it does.
OPTIONAL = {'pv': ('power_max',), 'battery': ('capacity_kwh',), 'market': ('prices', 'weather'),
            'grid_service': ('url',), 'gateway': ('host',)}


def exists(place: str) -> bool:
    """Return whether a field of the form may have this name."""
    part, _, name = place.rpartition('.')
    part, _, row = part.rpartition('.')
    return any(field.place == place for field in FIELDS) or (row.isascii() and row.isdecimal() and any(
        table.part == part and any(column.name == name for column in table.columns) for table in TABLES))
