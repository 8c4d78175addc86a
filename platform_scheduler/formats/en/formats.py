"""To the second, with the zone, and the same way round everywhere."""

DATETIME_FORMAT = "Y-m-d H:i:s e"
