"""What the detectors find and what they cry wolf about, measured on recordings of real homes."""
