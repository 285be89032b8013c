"""The error of everything that reads what people hand in."""


class IntakeError(ValueError):
    """The file cannot be graded; the message is one line that says what to do."""
