"""What is told to OpenTelemetry: spans and metrics. The one place that imports it, and only its API.

Where no SDK is configured all of this does nothing, at next to no cost.
"""
