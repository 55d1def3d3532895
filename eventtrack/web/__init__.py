"""eventtrack's own pages: their files, and the answers that they ask for, without HTTP.

`static/` is what a browser gets, as it lies there: plain ES modules, one stylesheet, and below
`vendor/` the libraries, unmodified (`tools/vendor.py`). There is no build step.
"""
