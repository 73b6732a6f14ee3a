"""From a folder to a model that runs. Nothing in it is executed, and no object is unpickled."""
from pathlib import Path

from hearthgrid_core.devices import DevicesError
from hearthgrid_core.devices.bundle import MANIFEST, MANIFEST_MAX, MODEL, MODEL_MAX, Trained, unpack
from hub_nodes.identify.litert import LiteModel

FOLDER = 'model'    # in the state folder


def open_model(chosen: str, state_dir: str) -> tuple[Trained, LiteModel] | None:
    """Return the model of a folder, or the one in the state folder; None where neither is there.

    DevicesError, naming the folder, when it is damaged, foreign, of another version, or cannot be run here.
    """
    if not chosen and not (state_dir and (Path(state_dir) / FOLDER).exists()):
        return None
    folder = Path(chosen).expanduser() if chosen else Path(state_dir) / FOLDER
    try:
        trained = unpack(read(folder))
        return trained, LiteModel(trained.tflite, trained.features, len(trained.classes))
    except (DevicesError, ImportError) as error:
        raise DevicesError(f'{folder}: {error}') from None


def read(folder: Path) -> dict[str, bytes]:
    """Return the files of a model that are there, none read further than its format allows. DevicesError."""
    if not folder.is_dir():
        raise DevicesError('it is no folder of a model')
    found = {}
    for name, most in ((MANIFEST, MANIFEST_MAX), (MODEL, MODEL_MAX)):
        try:
            with open(folder / name, 'rb') as file:
                found[name] = file.read(most + 1)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise DevicesError(f'{name} cannot be read: {error.strerror}') from None
    return found
