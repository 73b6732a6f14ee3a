"""What a node says of its own health, on /diagnostics for rqt_robot_monitor."""

from collections.abc import Callable

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

OK, WARN, ERROR, STALE = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR, DiagnosticStatus.STALE
PERIOD = 1.0  # of the report [s]


class Health:
    """The health of one node, as named checks.

    OK: works. WARN: works with less (a peer is missing, data is dropped). ERROR: does not do its job. STALE: no word
    yet. A check says once in the log when its level rises and once when it is OK again.
    """

    def __init__(self, node) -> None:
        self._node = node
        self._name = f'{node.get_namespace().strip("/")}/{node.get_name()}'.strip('/')
        self._checks: dict[str, tuple[bytes, str, dict[str, object]]] = {}
        self._refresh: list[Callable[[], None]] = []
        self._told: dict[str, tuple[tuple, DiagnosticStatus]] = {}  # by check: what it was made of, the message

    def check(self, name: str, level: bytes, message: str, **values: object) -> None:
        """Set the state of one check; `values` are shown beside it."""
        before = self._checks.get(name, (OK, '', {}))[0]
        self._checks[name] = (level, message, values)
        if level == before:
            return
        log = self._node.get_logger()
        if level == ERROR:  # a line each: rclpy binds a severity to the line that logs
            log.error(f'{name}: {message}')
        elif level == WARN:
            log.warning(f'{name}: {message}')
        elif level == OK and before in (WARN, ERROR):
            log.info(f'{name}: {message}')

    def before_report(self, refresh: Callable[[], None]) -> None:
        """Have `refresh` called before each report, to bring checks up to date."""
        self._refresh.append(refresh)

    def level(self) -> bytes:
        """Return the worst level of all checks."""
        return max((level for level, _, _ in self._checks.values()), default=STALE)

    def statuses(self) -> list[DiagnosticStatus]:
        """Return one status a check, or a STALE one where nothing was checked yet."""
        for refresh in self._refresh:
            refresh()
        checks = self._checks or {'start': (STALE, 'nothing checked yet', {})}
        return [self._status(name, check) for name, check in checks.items()]

    def _status(self, name: str, check: tuple[bytes, str, dict[str, object]]) -> DiagnosticStatus:
        """Return the message of a check; most say for hours what they said before."""
        level, message, values = check
        check = level, message, {key: _text(value) for key, value in values.items()}
        made_of, status = self._told.get(name, ((), None))
        if made_of != check:
            status = DiagnosticStatus(
                level=level,
                name=f'{self._name}: {name}',
                message=message,
                hardware_id=self._name,
                values=[KeyValue(key=key, value=value) for key, value in check[2].items()],
            )
            self._told[name] = check, status
        return status


def _text(value: object) -> str:
    return f'{value:.4g}' if isinstance(value, float) else str(value)


class HealthReport:
    """Publishes the health of all nodes of a process in one message a second: entities and wake-ups cost."""

    def __init__(self, nodes, topic) -> None:
        self._nodes = [node for node in nodes if hasattr(node, 'health')]
        if self._nodes:
            first = self._nodes[0]
            self._clock = first.get_clock()
            self._publisher = topic.publisher(first)
            first.create_timer(PERIOD, self._publish)

    def _publish(self) -> None:
        message = DiagnosticArray(status=[s for node in self._nodes for s in node.health.statuses()])
        message.header.stamp = self._clock.now().to_msg()
        self._publisher.publish(message)


class PeerWatch:
    """Says once that a peer went quiet and once that it is back."""

    def __init__(self, logger, name: str) -> None:
        self._log, self._name, self._up = logger, name, True

    def report(self, up: bool, detail: str = '') -> None:
        """Note whether the peer is heard."""
        if up != self._up:
            self._up = up
            tail = f': {detail}' if detail else ''
            if up:
                self._log.info(f'{self._name} is back{tail}')
            else:
                self._log.warning(f'{self._name} is unreachable{tail}')
