"""The class as one page: `making` puts together what `reading`, `pairs` and `pseudonyms` find; `render` writes it."""
