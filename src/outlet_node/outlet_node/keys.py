"""The outlets' request keys, for whoever leads them."""
import json

from hearthgrid_core.outlet import sign
from hearthgrid_msgs import msg
from hearthgrid_ros.request import request


class Keys:
    """Keys by outlet from a file; an outlet without one is asked unsigned. trouble : what is wrong, '' = nothing."""

    def __init__(self, path: str) -> None:
        self._keys: dict[str, bytes] = {}
        self.trouble = ''
        if not path:
            return
        try:
            with open(path, encoding='utf-8') as file:
                found = json.load(file)
            self._keys = {str(outlet): bytes.fromhex(key) for outlet, key in found.items()}
        except OSError as error:
            self.trouble = f'{path} cannot be read: {error.strerror}'
        except (AttributeError, TypeError, ValueError):
            self.trouble = f'{path} is no JSON mapping of outlets to keys in hex'

    def __len__(self) -> int:
        return len(self._keys)

    def sign(self, outlet: str, message: msg.Request) -> msg.Request:
        """Return the request, signed where the outlet's key is known."""
        key = self._keys.get(outlet)
        if key:
            message.mac = list(sign(key, request(message).packed))
        return message
