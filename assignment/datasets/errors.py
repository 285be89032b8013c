"""The exception for missing or damaged data."""


class DataMissing(FileNotFoundError):
    """A file of a data set is missing or damaged; the message is one line."""
