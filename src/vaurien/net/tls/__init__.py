"""TLS inside the ends of a connection: what links carry is what was encrypted.

``spec`` says, as a value, on which side of a proxy there is TLS.
"""
