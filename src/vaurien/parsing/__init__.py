"""What a parser reads and writes: the stream, the exchanges in flight, and their counts.

Law: no I/O, no clock.  Bytes and times come as arguments.
"""
