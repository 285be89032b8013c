"""What people hand in becomes a `Submission`: text that was read once, its hash, its owner."""

from autograder.intake.submission import IntakeError, Submission, read_submission

__all__ = ["IntakeError", "Submission", "read_submission"]
