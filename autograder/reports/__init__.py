"""Reports: what the instructor sees in the terminal, and the student's feedback as HTML and Markdown."""
