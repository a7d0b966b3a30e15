"""The tests tested: mistakes planted into a copy of the package, each in all its forms at once, and whether they are found."""
