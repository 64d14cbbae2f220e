"""The error of data that cannot be used as they are."""

__all__ = ["DataError"]


class DataError(ValueError):
    """A file is damaged or of the wrong kind, or a data set does not fit what is done with it.

    It is for what comes from outside of the program: the user has to change a file or an option.
    A mistake in the code, such as an array of the wrong shape, is a plain ValueError. The demos
    report a DataError in one line, and a ValueError with its traceback.
    """
