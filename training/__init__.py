"""How a model is made, judged, registered and applied."""
