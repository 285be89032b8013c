"""What a test of `dml.py` consists of: the same `student`, `task` and `expect` at home and in the sandbox."""

from assignment.checking.expect import Unexpected, expect, expect_no_growth
from assignment.checking.student import Answer, RemoteObject, Student, StudentError
from assignment.checking.tasks import task

__all__ = ["Answer", "RemoteObject", "Student", "StudentError", "Unexpected", "expect", "expect_no_growth", "task"]
