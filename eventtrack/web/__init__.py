"""eventtrack's own pages: their files, and the answers to their questions, without HTTP.

A browser gets the files of `static/` unchanged: plain ES modules, one stylesheet, and below
`vendor/` the libraries, unmodified (`tools/vendor.py`). There is no build step.
"""
