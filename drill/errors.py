"""Why a drill cannot take place."""


class CannotDrill(Exception):
    """The platform under drill does not start, or does not do what the drill itself needs."""


class UnknownFault(ValueError):
    """There is no fault of that name."""
