"""Read what people hand in: a file of code as a `Submission`, a file of weights as an `Upload`."""

from autograder.intake.errors import IntakeError
from autograder.intake.submission import Submission, read_submission
from autograder.intake.upload import Upload, read_upload

__all__ = ["IntakeError", "Submission", "Upload", "read_submission", "read_upload"]
