"""``make_train_function`` and its kin, Keras's names for what a model does with the next batch of an iterator."""

from collections.abc import Callable, Iterator
from typing import Any

from gpunn.training.own_step import unpack_x_y_sample_weight as unpacked

Taking = Callable[[Iterator[Any]], Any]
NAMES = ("make_train_function", "make_test_function", "make_predict_function")


class MadeFunctions:
    """What a model inherits. `fit` and its kin do not call these functions; to set one to None, as scripts do to have it made anew, is
    never needed: what is recorded follows the model."""

    name: str
    train_on_batch: Any
    test_on_batch: Any
    predict_on_batch: Any
    train_function: Taking | None = None
    test_function: Taking | None = None
    predict_function: Taking | None = None

    def make_train_function(self, force: bool = False) -> Taking:
        """-> ``train_function``: it takes the next batch of an iterator, (x, y) or (x, y, sample_weight), trains on it, and gives the logs
        of that batch."""
        if force or self.train_function is None:
            self.train_function = lambda batches: self.train_on_batch(*unpacked(next(batches)), return_dict=True)
        return self.train_function

    def make_test_function(self, force: bool = False) -> Taking:
        """The same of `test_on_batch`."""
        if force or self.test_function is None:
            self.test_function = lambda batches: self.test_on_batch(*unpacked(next(batches)), return_dict=True)
        return self.test_function

    def make_predict_function(self, force: bool = False) -> Taking:
        """The same of `predict_on_batch`: the outputs for the next batch."""
        if force or self.predict_function is None:
            self.predict_function = lambda batches: self.predict_on_batch(unpacked(next(batches))[0])
        return self.predict_function

    def check_functions(self, where: str) -> None:
        """Raises ValueError where a class of the user's makes these functions itself, which nothing would call."""
        if own := [name for name in NAMES if getattr(type(self), name) is not getattr(MadeFunctions, name)]:
            raise ValueError(
                f"Model {self.name!r}: {where} does not call {own[0]}. Expected train_step(data), test_step(data) or predict_step(data), "
                f"which are recorded. Received: a class with {', '.join(own)}."
            )
