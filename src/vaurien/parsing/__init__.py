"""What a parser works with: the stream, the exchanges in flight, and their counters.

Law: no I/O, no clock.  Bytes and times come as arguments.
"""
