"""From what a user wrote to a checked value.

Readers (``files``, ``toxics``, ``ini``, and ``cli.flags``) make a ``Document``, whose values
know where they were written.  ``understand`` makes a ``Configuration`` of it, with the
plugins that its ``Names`` may name, or raises all problems.

Law: nothing here opens a socket, changes a proxy or knows a plugin.  Every error names the
flag, the file and key, or the request's key that it is about.
"""
