"""What people do with a spec, as functions that the command and the Python API both call."""
