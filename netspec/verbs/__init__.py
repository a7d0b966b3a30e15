"""What people do with a spec: each verb is a function that the command and the Python API both call."""
