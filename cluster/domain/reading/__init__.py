"""Reading: what a request in plain words says of clothes, wounds, places and poses."""
