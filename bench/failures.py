"""What ends a measurement."""


class MeasurementFailed(Exception):
    """What was measured did not do what it was to do, so that its figures say nothing."""
