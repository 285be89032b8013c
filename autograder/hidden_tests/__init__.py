"""Hidden tests: ordinary pytest files with a `student` fixture. They are never given to students."""
