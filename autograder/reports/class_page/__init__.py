"""The class page: `making` combines the results of `reading`, `pairs` and `pseudonyms`; `render` writes the page."""
