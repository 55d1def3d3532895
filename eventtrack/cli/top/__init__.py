"""`eventtrack top`: a live text interface, for terminals and over ssh.

`sources` says what it asks for, in the words of `docs/web-api.md`; `folder` and `server` answer.
`application` puts the widgets together. Only the modules below it load textual, which the extra
`top` brings.
"""
