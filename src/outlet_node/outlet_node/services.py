"""The outlet's services: what a person sets and asks, answered at once from memory."""
from hearthgrid_core.outlet import Priority, Trip
from hearthgrid_ros import interfaces
from outlet_node import convert


class Services:
    """Service servers of one outlet."""

    def __init__(self, node) -> None:
        self._node = node
        self._made = [row.server(node, answer, node.calls) for row, answer in (
            (interfaces.GET_SCHEDULE, self._get_schedule), (interfaces.SET_SCHEDULE, self._set_schedule),
            (interfaces.SET_PRIORITY, self._set_priority), (interfaces.RESET_TRIP, self._reset_trip),
            (interfaces.CAPTURE_WAVEFORM, self._capture))]

    def destroy(self) -> None:
        """Take all of them away."""
        for service in self._made:
            self._node.destroy_service(service)

    def _get_schedule(self, _, response):
        controller = self._node.controller
        response.entries = convert.schedule_entries(controller.schedule)
        response.priority, response.rank = controller.priority, controller.rank
        return _answer(response)

    def _set_schedule(self, request, response):
        try:
            self._node.controller.choose(schedule=convert.schedule(request.entries))
        except ValueError as error:
            return _answer(response, str(error))
        self._node.save_preferences()
        return _answer(response)

    def _set_priority(self, request, response):
        try:
            self._node.controller.choose(priority=Priority(request.priority), rank=request.rank)
        except ValueError:
            return _answer(response, f'no shedding class has number {request.priority}')
        self._node.save_preferences()
        return _answer(response)

    def _reset_trip(self, request, response):
        protection, log = self._node.controller.protection, self._node.get_logger()
        if protection.trip is Trip.NONE:
            response.message = 'it is not tripped'
            response.success = True
            return response
        cause, refusal = protection.cause, protection.reset()
        if refusal:
            return _answer(response, refusal)
        log.info(f'{request.sender or "somebody"} has reset the trip ({cause})')
        self._node.save_memory()
        return _answer(response)

    def _capture(self, _, response):
        waveform = self._node.show_now()
        if waveform is None:
            return _answer(response, 'no samples have come')
        response.waveform = waveform
        return _answer(response)


def _answer(response, trouble: str = ''):
    response.success, response.message = not trouble, convert.short(trouble, 200)
    return response
