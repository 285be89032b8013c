"""What a test of `dml.py` is made of: the same `student`, `task` and `expect` at home and in the sandbox."""

from assignment.checking.expect import Unexpected, expect
from assignment.checking.student import Answer, RemoteObject, Student, StudentError
from assignment.checking.tasks import task

__all__ = ["Answer", "RemoteObject", "Student", "StudentError", "Unexpected", "expect", "task"]
