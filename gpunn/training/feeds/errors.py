"""What goes wrong with data while it is read, after the door."""


class DataError(RuntimeError):
    """A batch could not be made: the message names it, ``__cause__`` is what was raised there. The model is as the last step left it."""
