"""A quantile forest: extremely randomised trees whose leaves remember what they saw.

Sources: Geurts, Ernst & Wehenkel 2006, doi:10.1007/s10994-006-6226-1; Meinshausen 2006 (JMLR 7, 983): the spread of
what is in the leaves a case falls into is the spread of the case. As in his `quantregForest`, a leaf keeps a few values
drawn at random, so that a quantile costs a table look-up.
"""
import numpy as np

TREES, LEAF, SHARE = 100, 10, 0.4   # trees; least cases of a leaf; share of the features a split looks at
KEPT = 3                            # values a leaf remembers


class QuantileForest:
    """Fitted at once.     x : (n, features) finite     y : (n,)     seed : of all that is drawn"""

    def __init__(self, x: np.ndarray, y: np.ndarray, seed: int = 0):
        from sklearn.ensemble import ExtraTreesRegressor  # takes a second, and a home of few days never needs it

        self._trees = ExtraTreesRegressor(TREES, min_samples_leaf=LEAF, max_features=SHARE, random_state=seed)
        self._trees.fit(x, y)
        leaves, chance = self._trees.apply(x), np.random.default_rng(seed)
        self._kept = np.zeros((KEPT, TREES, leaves.max() + 1))
        trees = np.arange(TREES)
        for kept in self._kept:
            for case in chance.permutation(len(y)):
                kept[trees, leaves[case]] = y[case]

    def predict(self, x: np.ndarray, levels: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Return (n,) means and (levels, n) quantiles of cases `x` (n, features)."""
        leaves = self._trees.apply(x)
        seen = self._kept[:, np.arange(TREES), leaves]          # (KEPT, n, TREES)
        seen = np.moveaxis(seen, 0, 2).reshape(len(x), -1)
        return self._trees.predict(x), np.quantile(seen, levels, axis=1)
