"""What all front ends share: the table of policies, the settings, and the arithmetic composed of `tfbn.ops`."""
