"""What the virtual network looks like: facts out of a recording, the things and connections they add up to."""
