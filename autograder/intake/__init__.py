"""What people hand in becomes a `Submission`: text that was read once, its hash, its owner; weights an `Upload`."""

from autograder.intake.errors import IntakeError
from autograder.intake.submission import Submission, read_submission
from autograder.intake.upload import Upload, read_upload

__all__ = ["IntakeError", "Submission", "Upload", "read_submission", "read_upload"]
