"""Metrics and firings for OpenTelemetry, over OTLP.  Imports go upwards only.

============  ==========================================================
``settings``  the variables of the environment that OpenTelemetry defines
``metrics``   what ``control.metrics`` collects, in OpenTelemetry's form
``spans``     a span for each rule that has fired
``reports``   says once that sending fails, and once that it works again
``sender``    ``Telemetry``: the thread that sends both
============  ==========================================================

Law: it is imported, with the packages that it takes, only where it is asked for.
"""
