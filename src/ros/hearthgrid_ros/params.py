"""ROS parameters out of settings classes: declared once, with unit, bounds and description."""

from dataclasses import fields, replace
from typing import Any, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.parameter import Parameter

from hearthgrid_core.settings import setting

Settings = TypeVar('Settings')


def home_file() -> Any:
    """Return the settings field of every node that needs the home: `home_file: str = home_file()`."""
    return setting('', '', None, None, 'YAML file that describes the home; empty: the node goes by what it hears.')


def state_dir() -> Any:
    """Return the settings field of every node that keeps something: `state_dir: str = state_dir()`."""
    return setting('', '', None, None, 'Folder in which the node keeps its state; empty: nothing outlives the process.')


def keys_file() -> Any:
    """Return the settings field of every node that commands or is commanded: `keys_file: str = keys_file()`."""
    return setting('', '', None, None, 'File of the home\'s keys (`hearthgrid keys`); empty: commands go unsigned, and '
                   'unsigned ones are obeyed.')


def descriptor(field) -> ParameterDescriptor:
    """Return the ROS description of one `hearthgrid_core.settings.setting`."""
    meta = field.metadata
    words = f' One of: {", ".join(meta["choices"])}.' if meta['choices'] else ''
    out = ParameterDescriptor(description=f'{meta["description"]}{words}', additional_constraints=meta['unit'])
    low, high = meta['low'], meta['high']
    if low is None or high is None:
        return out
    if isinstance(field.default, float):
        out.floating_point_range = [FloatingPointRange(from_value=float(low), to_value=float(high), step=0.0)]
    elif isinstance(field.default, int) and not isinstance(field.default, bool):
        out.integer_range = [IntegerRange(from_value=int(low), to_value=int(high), step=1)]
    return out


def declare(node, cls: type[Settings]) -> Settings:
    """Declare every field of the settings class on `node` and return the settings the node was started with.

    Raises ValueError, naming the parameter and its bounds, when a value is refused; parameters are read at start, and a
    later `ros2 param set` is refused with the reason unless the node changes its own settings.
    """
    values: dict[str, Any] = {}
    for f in fields(cls):
        given = node._parameter_overrides.get(f.name)
        if isinstance(f.default, float) and given is not None and given.type_ is Parameter.Type.INTEGER:
            # YAML writes 50 for 50.0; people mean the same.
            node._parameter_overrides[f.name] = Parameter(f.name, Parameter.Type.DOUBLE, float(given.value))
        try:
            values[f.name] = node.declare_parameter(f.name, f.default, descriptor(f)).value
        except (InvalidParameterTypeException, InvalidParameterValueException) as error:
            raise ValueError(f'{node.get_name()}: {error}') from None
    settings = cls(**values)

    def refuse_invalid(parameters) -> SetParametersResult:
        known = {p.name: p.value for p in parameters if p.name in values}
        try:
            replace(settings, **known)
        except (TypeError, ValueError) as error:
            return SetParametersResult(successful=False, reason=str(error))
        # The node's clock, too: whoever set it could make time stand still.
        if known or any(p.name == 'use_sim_time' for p in parameters):
            return SetParametersResult(successful=False, reason='read at start: set it in the home file')
        return SetParametersResult(successful=True)

    node.add_on_set_parameters_callback(refuse_invalid)
    return settings
