"""The landing page of the nightly results: `python -m dashboard`.

A reader for each input, `summary` for the answer in a sentence, `page` for the HTML, `site` for the files.
"""
