"""A whole class: its folder, journal and summary, and the workers that grade its files."""
