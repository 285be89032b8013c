"""What can be wrong with data on a disk."""


class DataMissing(FileNotFoundError):
    """A file of a data set is not where it should be, or is not such a file; the message is one line."""
