"""What happened to each packet: sightings joined to journeys, with outcome, drops, NAT sessions and flows."""
