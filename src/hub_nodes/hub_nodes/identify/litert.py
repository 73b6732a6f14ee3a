"""A TensorFlow Lite model run by LiteRT, on one thread. TensorFlow itself is not needed."""
import numpy as np

from hearthgrid_core.devices import DevicesError


class LiteModel:
    """Takes features, gives probability and novelty.

    content : of a .tflite file whose hash was checked; the interpreter trusts what it is given
    features, classes : how many it must have.     DevicesError where it has others, or cannot be run.
    """

    def __init__(self, content: bytes, features: int, classes: int) -> None:
        from ai_edge_litert.interpreter import Interpreter
        try:
            self._interpreter = Interpreter(model_content=content, num_threads=1)
            self._interpreter.allocate_tensors()
            given, told = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        except (RuntimeError, ValueError) as error:
            raise DevicesError(f'LiteRT cannot run the model: {error}') from None
        out = {tuple(detail['shape']): detail['index'] for detail in told}
        if ([tuple(detail['shape']) for detail in given] != [(1, features)] or set(out) != {(1, classes), (1,)}
                or any(detail['dtype'] is not np.float32 for detail in (*given, *told))):
            raise DevicesError(f'the model does not take {features} features and give {classes} probabilities')
        self._given, self._probability, self._novelty = given[0]['index'], out[1, classes], out[1,]
        self._classes = classes

    def judge(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return probability (m, classes) and novelty (m,) of features (m, d)."""
        probability, novelty = np.empty((len(rows), self._classes)), np.empty(len(rows))
        for k, row in enumerate(np.asarray(rows, dtype=np.float32)):
            self._interpreter.set_tensor(self._given, row[None])
            self._interpreter.invoke()
            probability[k] = self._interpreter.get_tensor(self._probability)[0]
            novelty[k] = self._interpreter.get_tensor(self._novelty)[0]
        return probability / probability.sum(axis=1, keepdims=True), novelty
