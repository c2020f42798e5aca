"""From what a user wrote to a checked value.

Law: nothing here opens a socket or changes a proxy.  Every error names the file, key or flag
that it is about.
"""
