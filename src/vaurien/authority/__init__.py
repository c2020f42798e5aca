"""A certificate authority of vaurien's own: what clients must trust when they talk TLS to it.

``certificates`` makes certificates, good ones and flawed ones; ``folder`` keeps the authority.
"""
